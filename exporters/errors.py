"""What can go wrong between a network and a file. The command maps each to a message and an exit code."""


class ArtifactError(ValueError):
    """A file is no artifact that can be used: of another format, damaged, or reaching outside its folder."""


class NotRunError(ArtifactError):
    """ONNX Runtime loads the file, and fails on what it is fed."""


class ExportError(RuntimeError):
    """The network could not be turned into a file as asked."""


class ParityError(RuntimeError):
    """The exported file does not compute what the network computes; it was not kept."""


class OutputError(OSError):
    """A file could not be written where it should go."""


class FormatUnavailableError(RuntimeError):
    """The format's tools do not run on this machine; the message says what would help."""


class MachineMismatchError(RuntimeError):
    """A machine-specific file was made on another kind of machine; the message says what differs."""


class ImageFolderError(ValueError):
    """A folder holds no labelled images that an artifact could be tried on; the message says what is wrong with it."""


class FeedError(ValueError):
    """What is to be fed to a file does not fit it, or cannot be read; the message says which input, and why."""


class RewriteError(ValueError):
    """The network cannot be rewritten as asked: an unknown rewrite, or a network that torch cannot trace."""
