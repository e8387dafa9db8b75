"""What can be wrong with a recipe, with the images, or with a run of training."""


class RecipeError(ValueError):
    """A recipe cannot be read, or not be followed here; the message names the value, and what it should be."""


class TrainingDataError(ValueError):
    """The images cannot be trained on; the message names the folder or the image, and what to do."""


class ResumeError(ValueError):
    """The run in a folder is not the one that was asked for; the message says in what they differ."""


class DivergedError(ArithmeticError):
    """The loss or the weights are no numbers any more; the message says since when."""


class NotKeptError(OSError):
    """A file of a run cannot be written; the message names it and the cause. What was there before still is."""
