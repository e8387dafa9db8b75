"""The words for what an input is fed, as `--feed NAME=WORDS` takes them."""

from enum import StrEnum
from pathlib import PurePath


class Word(StrEnum):
    """What is made for an input; a number fills it, and a path is of a file that holds it."""

    IMAGE = "image"
    """What looks like photographs, in the input's own type."""
    NORMAL = "normal"
    """Draws of the standard normal distribution."""
    UNIFORM = "uniform"
    """Draws between two bounds, `uniform:LOW:HIGH`; of whole numbers both bounds are among them."""
    ZEROS = "zeros"
    ONES = "ones"


ARRAY, ARCHIVE = ".npy", ".npz"
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Suffixes of the files that images are read from."""


def is_file(words: str) -> bool:
    """Whether the words name a file."""
    return PurePath(words).suffix.lower() in (ARRAY, ARCHIVE, *IMAGES)


def without_folder(words: str) -> str:
    """The words as a record has them, which names no folder."""
    return PurePath(words).name if is_file(words) else words
