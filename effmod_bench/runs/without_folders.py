"""What a run names of its machine, without the folders that it lies in."""

from pathlib import Path

import msgspec

from exporters.feeds.given import Given
from exporters.feeds.words import is_file
from models.zoo.named import split
from results.sharing.private import file_name


def name_of_target(target: str) -> str:
    """A file's name, or a function's with its file's, arguments and all."""
    base, arguments = split(target)
    return file_name(base) + arguments


def without_folder(path: Path) -> Path:
    """The last name of a path, on whatever system it was written."""
    return Path(file_name(str(path)))


def fed_without_folders(given: Given) -> Given:
    """What is fed, by the names of files."""
    return msgspec.structs.replace(
        given, feed=tuple(map(_feed, given.feed)), source=given.source and without_folder(given.source)
    )


def _feed(text: str) -> str:
    name, _, words = text.partition("=")
    return f"{name}={file_name(words)}" if is_file(words) else text
