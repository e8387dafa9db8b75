"""What an input is fed when nobody says: the one rule, for proof, measuring and comparing alike."""

from exporters.feeds.tensors import Tensor, channels_last, is_floating, is_single
from exporters.feeds.words import Word

# Which whole number a file takes only running it tells: these are tried in turn, as far as the element type goes.
WHOLE_NUMBERS = (1, 0, *(2**power for power in range(1, 17)))


def by_rule(tensor: Tensor) -> str | None:
    """What an input is fed when nobody says, in words; None for a whole number, of which only running the file tells.

    - What has the shape of images gets some.
    - One number that need not be whole is 1: most often it is a scale, a ratio or a threshold, and what a draw would
      make of these, a tenth or less than none, few would call typical.
    - Other numbers that need not be whole are drawn from the standard normal distribution.
    - A mask, by its name, is ones: of zeros nothing would be left.

    Raises:
        ValueError: its elements are of a type that cannot be fed.
    """
    if is_floating(tensor) and is_single(tensor):
        return "1"
    if channels_last(tensor) is not None:
        return Word.IMAGE
    if is_floating(tensor):
        return Word.NORMAL
    return Word.ONES if "mask" in tensor.name.lower() else None


def otherwise(tensor: Tensor, words: str) -> str:
    """What an input is fed to see whether the time depends on it, where nobody gave it.

    Args:
        words: for what it is fed.
    """
    if words == Word.IMAGE:
        return Word.NORMAL if is_floating(tensor) else f"{Word.UNIFORM}:0:255"
    if words == Word.NORMAL:
        return Word.ZEROS
    if is_floating(tensor):
        return "0.5"
    return Word.ZEROS if words != "0" else Word.ONES
