"""The zip that is given away: the same records give the same bytes, and a README within says what it is."""

import os
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from results.sharing.archive import MANIFEST

README = "README.txt"
OWN_ENTRIES = (README, MANIFEST)
"""What is in each zip besides records and files."""

_THE_SAME_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip knows: when it was packed is nobody's affair
_REGULAR = 0o100644 << 16
_BY_UNIX = 3  # whatever system packs it


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the owner's without which a figure cannot be measured again.

    Attributes:
        brought: it lies in the zip.
    """

    name: str
    sha256: str
    brought: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the zip holds.

    Attributes:
        effmod_numbers: the version of this list.
        effmod: the version that packed it.
        left_out: of the store, each with its reason.
    """

    effmod_numbers: int = 1
    effmod: str
    records: int
    left_out: tuple[str, ...] = ()
    needed: tuple[Needed, ...] = ()


def write_bundle(
    path: Path, records: Iterable[tuple[str, bytes]], manifest: Manifest, files: Iterable[tuple[str, Path]] = ()
) -> int:
    """Write the zip, whole or not at all; returns its size in bytes.

    Args:
        records: the name and content of each, in an order that follows from them.
        files: the name within the zip and the place of what else it brings.

    Raises:
        OSError: it cannot be written, or a file cannot be read.
    """
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    try:
        with open(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(_entry(README), _readme(manifest))
                archive.writestr(_entry(MANIFEST), msgspec.json.format(msgspec.json.encode(manifest), indent=2))
                for name, content in records:
                    archive.writestr(_entry(f"records/{name}.json"), content)
                for name, source in files:
                    # Weights pack to hardly less, and where they do, to less than may be unpacked.
                    with archive.open(_entry(name, zipfile.ZIP_STORED), "w") as target, source.open("rb") as opened:
                        while block := opened.read(1 << 20):
                            target.write(block)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return path.stat().st_size


def _entry(name: str, compress_type: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _THE_SAME_DAY)
    entry.compress_type, entry.external_attr, entry.create_system = compress_type, _REGULAR, _BY_UNIX
    return entry


def _readme(manifest: Manifest) -> str:
    files = " --files ./THIS.zip" if any(each.brought for each in manifest.needed) else ""
    lines = [
        "Latencies of neural networks, as effmod measured them: every single run, in records of JSON.",
        "",
        "To measure the same on a machine of your own, and to see whether the figures hold there:",
        "",
        "    pipx install effmod-bench",
        f"    effmod reproduce ./THIS.zip{files}",
        "",
        f"records/       {manifest.records} records; 'effmod show' reads them as well, once they are unpacked",
        "manifest.json  the same list as below, for a program",
        "",
        "Hosts, users and folders are in none of it. What was left out:",
        *(f"    {each}" for each in manifest.left_out or ("nothing",)),
    ]
    if manifest.needed:
        lines += ["", "Some figures are of files or functions of their owner's. Ask by its hash for what is not in it:"]
        for each in manifest.needed:
            lines.append(f"    {each.name}  sha256 {each.sha256}{'  (in files/)' if each.brought else ''}")
        if not all(each.brought for each in manifest.needed):
            lines += ["and give the folder that they lie in, too: --files FOLDER"]
    return "\n".join(lines) + "\n"
