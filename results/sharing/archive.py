"""A zip of records from a stranger, read within limits. Nothing is ever written under a path that it names."""

import hashlib
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from results.records.file import StoreError
from results.sharing import limits

MANIFEST = "manifest.json"
_BLOCK = 1 << 16
_END = struct.Struct("<4s4H2LH")  # how a zip ends: its last entry is where the list of its files lies
_ZIP64_LOCATOR_BYTES = 20
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}\.json")
_FILE = re.compile(r"files/(?P<hash>[0-9a-f]{64})/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)")
_LONGEST_FILE_NAME = 100
_NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".whl", ".jar")


def looks_like_zip(path: Path) -> bool:
    """Whether a path is that of a zip, by its beginning or its name."""
    if path.suffix.lower() == ".zip" or not path.is_file():  # a pipe would be waited for
        return path.suffix.lower() == ".zip"
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def file_entry(sha256: str, name: str) -> str:
    """What a file that a zip brings is called in it, so that it is read again."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-_LONGEST_FILE_NAME:].strip("-._") or "file"
    return f"files/{sha256}/{f'file-{safe}' if _RESERVED.fullmatch(safe) else safe}"


def unpack_records(path: Path, folder: Path) -> int:
    """Write the records of a zip into a folder, a file each, under names of their own; returns how many there are.

    All of it is refused where anything is wrong with it. What holds no records, such as its own words to the reader,
    stays where it is.

    Args:
        folder: an empty one, for nothing else.

    Raises:
        StoreError: it is no zip, holds names that could do harm, links, other archives, or more than the limits.
    """
    with _opened(path) as archive:
        entries = _checked(path, archive)
        records = [entry for entry in entries if _is_record(entry)]
        if not records:
            raise _refused(path, "it holds no records: 'effmod share STORE -o numbers.zip' makes such a zip")
        left = limits.RECORDS_BYTES
        for number, entry in enumerate(records):
            name = PurePosixPath(entry.filename).name
            target = folder / (name if _PLAIN.fullmatch(name) else f"_{number}.json")  # which no plain name is
            left -= _write(path, archive, entry, target, min(left, limits.RECORD_BYTES))
        return len(records)


def unpack_files(path: Path, folder: Path) -> list[Path]:
    """Write the other files that a zip brings along, each into a folder that is called by its hash.

    What is there already is left as it is. A file under its final name is whole, and what its hash says.

    Raises:
        StoreError: as `unpack_records`; or a file is not of the hash that it stands under.
        OSError: the folder cannot be written.
    """
    found, left = [], limits.FILES_BYTES
    with _opened(path) as archive:
        for entry in _checked(path, archive):
            named = _FILE.fullmatch(entry.filename)
            if named is None:
                continue
            target = folder / named["hash"] / named["name"]
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as partial:
                    new = Path(partial) / "file"
                    left -= _write(path, archive, entry, new, left)
                    with new.open("rb") as file:
                        if hashlib.file_digest(file, "sha256").hexdigest() != named["hash"]:
                            raise _refused(path, f"{entry.filename!r} is not of the hash that it stands under")
                    new.replace(target)
            found.append(target)
    return found


def _is_record(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    return not entry.is_dir() and parts[-1].endswith(".json") and parts[-1] != MANIFEST and parts[0] != "files"


class _opened:  # noqa: N801 - a context, named as one reads it
    """A zip whose list of files is of bounded size: Python reads all of it before anything can be checked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> zipfile.ZipFile:
        path = self._path
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise _refused(path, "it is no regular file")
            self._file: IO[bytes] = path.open("rb")
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}") from error
        try:
            _check_end(path, self._file)
            self._archive = zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, UnicodeDecodeError, ValueError, NotImplementedError) as error:
            self._file.close()
            raise _refused(path, f"it is no zip that can be read: {error}") from error
        except BaseException:
            self._file.close()
            raise
        return self._archive

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()


def _check_end(path: Path, file: IO[bytes]) -> None:
    """Refuse a zip whose list of files is longer than any of ours, before it is read."""
    size = file.seek(0, 2)
    if size < _END.size:
        raise _refused(path, f"it is no zip: it has {size} bytes")
    file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_BYTES))
    tail = file.read()
    signature, *_, directory_bytes, _, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\x05\x06" or comment:
        raise _refused(path, "it is no zip, or was cut short, or has a comment at its end")
    if tail.startswith(b"PK\x06\x07") or directory_bytes > limits.DIRECTORY_BYTES:
        raise _many(path)
    file.seek(0)


def _checked(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Its entries, none of which can do harm by its name or kind."""
    entries, seen = archive.infolist(), set[str]()
    if len(entries) > limits.MOST_ENTRIES:  # whatever its end says
        raise _many(path)
    for entry in entries:
        if reason := _harm(entry):
            raise _refused(path, f"{entry.orig_filename!r} {reason}")
        known = unicodedata.normalize("NFKC", entry.filename).casefold()
        if known in seen:
            raise _refused(path, f"{entry.orig_filename!r} stands in it twice")
        seen.add(known)
    names = Counter(PurePosixPath(entry.filename).name.casefold() for entry in entries if _is_record(entry))
    if twice := next((name for name, count in names.items() if count > 1), None):
        raise _refused(path, f"two records of it are called {twice!r}")
    return entries


def _harm(entry: zipfile.ZipInfo) -> str | None:
    """What is wrong with an entry; None where nothing is."""
    name, mode = entry.orig_filename, entry.external_attr >> 16
    parts = name.removesuffix("/").split("/")
    if not name.isprintable() or any(unicodedata.category(char) in ("Cf", "Cs", "Co") for char in name):
        return "has characters in its name that are not seen"
    if len(name) > limits.LONGEST_NAME:
        return "has a name longer than any of ours"
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "~" in (parts[0][:1],):
        return "would lie outside of the folder that it is unpacked into"
    if not all(parts) or "." in parts:
        return "has a name that is none"
    if any(_RESERVED.fullmatch(part) or part.endswith((".", " ")) for part in parts):
        return "has a name that systems keep for themselves"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link, or no regular file"
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that effmod does not read"
    if name.lower().endswith(_NESTED) and not _FILE.fullmatch(name):  # a checkpoint may be called net.pth.tar
        return "is an archive within the archive"
    return None


def _write(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most_bytes: int) -> int:
    """Write an entry as it comes, and stop where it is more than it may be; returns how much it was."""
    with target.open("xb") as file:
        written = 0
        for block in _blocks(path, archive, entry):
            written += len(block)
            if written > most_bytes:
                raise _refused(path, f"{entry.filename!r} unpacks to more than is read of a zip")
            if written > limits.ALWAYS_BYTES and written > limits.MOST_RATIO * max(1, entry.compress_size):
                raise _refused(path, f"{entry.filename!r} unpacks to more than {limits.MOST_RATIO} times its size")
            file.write(block)
    return written


def _blocks(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """What an entry holds. An `OSError` of the zip, whose list names a place before its beginning, say, is its fault;
    one of what is written with this is raised where that is."""
    try:
        with archive.open(entry) as file:
            while block := file.read(_BLOCK):
                yield block
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, UnicodeDecodeError) as error:
        raise _refused(path, f"{entry.filename!r} cannot be unpacked: {error}") from error


def _many(path: Path) -> StoreError:
    return _refused(path, f"it lists more than {limits.MOST_ENTRIES} files, or as one would that does")


def _refused(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is refused, and nothing of it is used: {why}")
