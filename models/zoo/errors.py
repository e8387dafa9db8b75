"""What can be wrong with a network's name, image size, plug-in or checkpoint, or with an image that it is to see."""


class UnknownModelError(LookupError):
    """No network of the zoo has this name; the message names the nearest ones."""


class ModelTargetError(UnknownModelError):
    """The network of the user's own that is named cannot be had; the message says what is wrong with it."""


class ImageSizeError(ValueError):
    """The network cannot take images of this size; the message names the sizes it takes."""


class PluginError(ValueError):
    """An installed package offers networks that cannot be read; the message names it and what is wrong."""


class CheckpointError(ValueError):
    """The file is no checkpoint of this network, or could run code; the message says which, and what to do."""


class ImageFileError(ValueError):
    """A file is no image that can be read; the message says which, and why."""


class ContextMapError(ValueError):
    """A network has no context whose map could be shown, or not the one asked for; the message says what it has."""


class BatchNormError(ValueError):
    """A network cannot be made one of BatchNorms, or was not made of the one named; the message says why."""
