"""A store is a folder of records, one JSON file each. It can be copied, merged and committed as files."""

import contextlib
import errno
import fnmatch
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from results.records.base import Record
from results.records.file import DamagedRecordError, StoreError, read_record
from results.records.measured import Round

_PARTIAL = ".partial-"
_STALE_S = 3600.0  # a record is written in milliseconds: what is older is of a process that was killed

R = TypeVar("R", bound=Record)


class Store:
    """Records in a folder.

    A record is written to a temporary file, synced, and renamed, and so is there whole or not at all,
    whatever happens to the process or the machine. Writers need no lock.

    Args:
        on_damaged: told once of each file that cannot be read, which is then left out; None to read all or nothing.
    """

    def __init__(self, path: Path, *, on_damaged: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._on_damaged = on_damaged
        self._told: set[str] = set()

    def check_writable(self) -> None:
        """Make the folder and write into it, before anything is measured; what killed processes left goes.

        Raises:
            StoreError: that fails.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path, prefix=_PARTIAL) as probe:
                probe.write(b"\0" * 4096)
                probe.flush()
                os.fsync(probe.fileno())
                self._sweep(os.fstat(probe.fileno()).st_mtime)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def _sweep(self, now_s: float) -> None:
        """Delete what killed processes were about to store.

        Args:
            now_s: by the clock of the file system.
        """
        for partial in self.path.glob(f"{_PARTIAL}*"):
            with contextlib.suppress(OSError):  # another process sweeps, too
                status = partial.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_mtime < now_s - _STALE_S:
                    partial.unlink()

    def write(self, record: Record, *, again: bool = False) -> Path:
        """Store a record, so that it survives a crash of the process and of the machine.

        Args:
            again: in the place of what was stored under its id. What was measured is never overwritten.

        Raises:
            StoreError: no space left, read-only, moved away.
        """
        final = self.path / f"{record.id}.json"
        try:
            descriptor, name = tempfile.mkstemp(dir=self.path, prefix=_PARTIAL)
            partial = Path(name)
            try:
                with open(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(record, enc_hook=os.fspath))
                    file.flush()
                    os.fsync(file.fileno())
                partial.chmod(0o644)
                if final.exists() and not again:
                    raise StoreError(f"{final} is there already, and a record is never overwritten")
                partial.replace(final)
            except BaseException:
                with contextlib.suppress(OSError):
                    partial.unlink()
                raise
            _sync_folder(self.path)
        except StoreError:
            raise
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        return final

    def holds_others(self, run_id: str) -> bool:
        """Whether there are records that do not belong to this run, by whose id the names of its files begin."""
        return any(not path.name.startswith(run_id) for path in self.path.glob("*.json"))

    def read(self) -> list[Round]:
        """Every round, in the order in which they were measured.

        Raises:
            StoreError: no such folder, no round in it, or a file that is no record of a version that can be read.
        """
        rounds = self.read_kind(Round)
        if not rounds:
            raise no_measurements(self.path)
        return rounds

    def read_kind(self, kind: type[R]) -> list[R]:
        """Every record of one kind, each once, in the order in which they were begun.

        Raises:
            StoreError: no such folder, or a file that is no record of a version that can be read.
            DamagedRecordError: a file cannot be read, or has the id of another one, and nobody is to be told.
        """
        return sorted(self.records(kind), key=lambda record: (record.started_at, record.id))

    def keep(self, record: Record) -> None:
        """Store a record, unless it is there already.

        Raises:
            StoreError: as `write`.
        """
        if not (self.path / f"{record.id}.json").exists():
            self.write(record)

    def records(self, *kinds: type[R], names: str = "*.json") -> Iterator[R]:
        """Each record of these kinds, once, one at a time: of thousands, few need to be kept whole.

        Args:
            names: a pattern of the files that are opened at all.

        Raises:
            StoreError, DamagedRecordError: as for `read_kind`.
        """
        try:
            files = [
                path for path in self.path.iterdir() if path.suffix == ".json" and fnmatch.fnmatchcase(path.name, names)
            ]
        except FileNotFoundError as error:
            raise StoreError(
                f"there is no store at {self.path}; 'effmod bench --store {self.path}' would make one"
            ) from error
        except NotADirectoryError as error:
            raise StoreError(f"{self.path} is a file, and a store is a folder of records") from error
        except OSError as error:
            raise StoreError(f"cannot read the store {self.path}: {error.strerror}") from error
        first: dict[str, Path] = {}
        # A file that is named by its id comes before its copies.
        for path in sorted(files, key=lambda path: (len(path.name), path.name)):
            try:
                record = read_record(path, kinds)
                if record is None:
                    continue
                known = first.setdefault(record.id, path)
                if known is path:
                    yield record
                elif read_record(known, kinds) != record:
                    raise DamagedRecordError(
                        f"{path} has the id of {known} and other content, and one record cannot be two; move the wrong "
                        "one out of the store"
                    )
            except DamagedRecordError as error:
                self._tell(error)

    def _tell(self, damage: DamagedRecordError) -> None:
        if self._on_damaged is None:
            raise damage
        if str(damage) not in self._told:
            self._told.add(str(damage))
            self._on_damaged(f"left out: {damage}")


def no_measurements(path: Path) -> StoreError:
    """What to raise of a store without any."""
    return StoreError(f"the store {path} holds no measurements; 'effmod bench --store {path}' adds some")


def _sync_folder(path: Path) -> None:
    # The rename itself must reach the disk. Windows has no such call, and needs none.
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> StoreError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            advice = "free some space, or choose another disk with --store"
        case errno.EFBIG:
            advice = "raise the limit on the size of a file ('ulimit -f'), or choose another disk with --store"
        case errno.ENOENT:
            advice = "was it moved or deleted? Choose a folder with --store"
        case _:
            advice = "choose a folder that you can write with --store"
    return StoreError(f"cannot write to the store {path}: {error.strerror or error}; {advice}")
