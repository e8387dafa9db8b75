"""From an exception to an exit code. Libraries raise; this is the only place that decides how effmod ends."""

import errno
from enum import IntEnum

from effmod_bench.packages import explain
from effmod_bench.streams import PrintError, ReaderGoneError
from exporters import (
    ArtifactError,
    ExportError,
    FeedError,
    FormatUnavailableError,
    ImageFolderError,
    MachineMismatchError,
    OutputError,
    ParityError,
)
from exporters.rewrites import RewriteError
from models import (
    BatchNormError,
    CheckpointError,
    ContextMapError,
    ImageFileError,
    ImageSizeError,
    PluginError,
    UnknownModelError,
)
from models.training.errors import DivergedError, NotKeptError, RecipeError, ResumeError, TrainingDataError
from results import StoreError
from results.plots.picture import PlotError
from results.tables.arranged import UnknownColumnError


class DeviceUnavailableError(RuntimeError):
    """The device or the runtime cannot be used on this machine; the message says why, and what would help."""


class TargetError(ValueError):
    """A target cannot be used as it was given; the message says how to give it."""


class UnfinishedError(ExportError):
    """The process that loaded or made a file or network crashed, or took too long; the message says which."""


class UnfinishedProofError(ParityError):
    """The process that proved a file crashed, or took too long: it is not proved."""


# What the system has too little of, and what would help.
_NO_FOLDER = "no temporary file can be written ({}); free some space, or name a folder that has some in TMPDIR"
_TOO_LITTLE = {
    errno.EMFILE: "this process may open too few files; 'ulimit -n 1024' in the same shell lets it open more",
    errno.ENFILE: "the system has too many open files; close other programs",
    errno.EAGAIN: "the system starts no more processes for this user; close other programs, or raise 'ulimit -u'",
    errno.ENOMEM: "the system has no memory left; close other programs",
}


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    CHECK_FAILED = 4
    STORE = 5
    BUG = 70
    INTERRUPTED = 130
    READER_GONE = 141  # as a shell calls the end by SIGPIPE


def exit_code(error: Exception) -> ExitCode:
    """The exit code of an error that a command could not deal with; `BUG` for one that nobody foresaw."""
    if lacking(error) is not None:
        return ExitCode.UNAVAILABLE
    match error:
        case ReaderGoneError():
            return ExitCode.READER_GONE
        case StoreError() | OutputError() | PrintError() | NotKeptError():
            return ExitCode.STORE
        case FormatUnavailableError() | DeviceUnavailableError() | MachineMismatchError():
            return ExitCode.UNAVAILABLE
        case ParityError():
            return ExitCode.CHECK_FAILED
        case DivergedError():
            return ExitCode.SOME_FAILED  # what was kept before stays
        case (
            UnknownModelError()
            | ImageSizeError()
            | BatchNormError()
            | CheckpointError()
            | ContextMapError()
            | ImageFileError()
            | PluginError()
            | TargetError()
            | RewriteError()
            | ArtifactError()
            | ExportError()
            | FeedError()
            | ImageFolderError()
            | PlotError()
            | UnknownColumnError()
            | RecipeError()
            | ResumeError()
            | TrainingDataError()
        ):
            return ExitCode.USAGE
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return ExitCode.STORE
        case OSError() if error.errno == errno.ENAMETOOLONG:  # as a target, or wherever a file is named
            return ExitCode.USAGE
    return ExitCode.BUG


def describe(error: Exception) -> str:
    """What to say of an error that is no bug."""
    return lacking(error) or str(error)


def lacking(error: Exception) -> str | None:
    """What this machine or this installation lacks, and what would help; None where that is not the matter."""
    match error:
        case FormatUnavailableError() | DeviceUnavailableError() | OutputError() | NotKeptError():
            return None  # they say it themselves
        case OSError() if error.errno in _TOO_LITTLE:
            return _TOO_LITTLE[error.errno]
        case FileNotFoundError() if "temporary directory" in str(error):  # as `tempfile` says of full disks, too
            return _NO_FOLDER.format(error.strerror)
        case RuntimeError() if str(error) == "can't start new thread":
            return _TOO_LITTLE[errno.EAGAIN]
        case MemoryError():
            return _TOO_LITTLE[errno.ENOMEM]
    return explain(error)
