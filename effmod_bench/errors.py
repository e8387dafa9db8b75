"""From an exception to an exit code. Libraries raise; this is the only place that decides how effmod ends."""

import errno
from enum import IntEnum

from exporters import (
    ArtifactError,
    ExportError,
    FormatUnavailableError,
    ImageFolderError,
    MachineMismatchError,
    OutputError,
    ParityError,
)
from exporters.rewrites import RewriteError
from models import CheckpointError, ImageSizeError, PluginError, UnknownModelError
from results import StoreError
from results.plots.tradeoff import PlotError


class DeviceUnavailableError(RuntimeError):
    """The device or the runtime cannot be used on this machine; the message says why, and what would help."""


class TargetError(ValueError):
    """A target cannot be used as it was given; the message says how to give it."""


class UnfinishedError(ExportError):
    """The process that loaded or made a file or network crashed, or took too long; the message says which."""


class UnfinishedProofError(ParityError):
    """The process that proved a file crashed, or took too long: it is not proved."""


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


def exit_code(error: Exception) -> ExitCode:
    """The exit code of an error that a command could not deal with; `BUG` for one that nobody foresaw."""
    match error:
        case StoreError() | OutputError():
            return ExitCode.STORE
        case FormatUnavailableError() | DeviceUnavailableError() | MachineMismatchError():
            return ExitCode.UNAVAILABLE
        case ParityError():
            return ExitCode.CHECK_FAILED
        case (
            UnknownModelError()
            | ImageSizeError()
            | CheckpointError()
            | PluginError()
            | TargetError()
            | RewriteError()
            | ArtifactError()
            | ExportError()
            | ImageFolderError()
            | PlotError()
        ):
            return ExitCode.USAGE
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return ExitCode.STORE
        case OSError() if error.errno == errno.ENAMETOOLONG:  # as a target, or wherever a file is named
            return ExitCode.USAGE
    return ExitCode.BUG
