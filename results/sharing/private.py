"""What of a record tells where it was measured, and by whom: left out before it travels.

A record of rounds names no folder, no host and no user by itself. But texts within it are others': the reason of a
failure, the options of a provider, the name of an input. So every text is looked at, whatever field it stands in.
"""

import re
from collections.abc import Sequence
from typing import Any

_END = r"\s'\"`,;<>|()\[\]{}"
_PLACE = re.compile(
    rf"""(['"`])(?:[A-Za-z]:[\\/]|\\\\|~|/|\.{{1,2}}[\\/]|file:)[^'"`\n]*\1"""  # quoted, it may have spaces
    rf"|file:[\\/]*[^{_END}]+"
    rf"|(?<![\w.])[A-Za-z]:[\\/][^{_END}]*"
    rf"|\\\\[^{_END}]+"
    rf"|(?<![\w./\\])~[\w.-]*[\\/][^{_END}]*"
    rf"|(?<![\w./\\])(?:\.{{1,2}}[\\/])+[^{_END}]*"
    rf"|(?<![\w.\-/\\])/[^{_END}]+"
)
_SEPARATOR = re.compile(r"[\\/]+")
_HOMES = ("home", "users")
FOLDER = "(a folder)"
FAILED = "it failed; the reason names a place, and was left out"


def without_places(text: str) -> str:
    """A text whose absolute paths are reduced to the name of their file; those of folders are left out."""
    return _PLACE.sub(lambda found: _last_name(found[0]), text)


def _last_name(path: str) -> str:
    quote = path[0] if path[0] in "'\"`" else ""
    *above, name = _SEPARATOR.split(path.strip("'\"`").rstrip("\\/:."))
    # A name without a suffix may be a user's, and so is that of his own folder.
    is_folder = "." not in name.strip(".") or (above and above[-1].lower() in _HOMES)
    return f"{quote}{FOLDER if is_folder else name}{quote}"


def file_name(path: str) -> str:
    """A path as one gives it to a command, reduced to its last name, on whatever system it was written."""
    return _SEPARATOR.split(path.rstrip("\\/"))[-1]


def without_private(record: Any, fields: tuple[str, ...] = ()) -> Any:
    """A record's builtins with no place in any text, names of fields and keys included.

    Args:
        record: what `msgspec.to_builtins` gives of it, or of a part.
        fields: the names of those that the part lies in.
    """
    match record:
        case str():
            # A tensor may be called as a path is, '/stem/conv/Relu_output_0': by its model, not by the machine.
            if fields[-2:] == ("inputs", "name") or "input_shapes" in fields:
                return record
            text = without_places(record)
            return FAILED if fields[-1:] == ("failure",) and _SEPARATOR.search(text) else text
        case dict():
            return {without_places(name): without_private(value, (*fields, name)) for name, value in record.items()}
        case list() | tuple():
            return [without_private(each, fields) for each in record]
    return record


def texts_of(record: Any) -> list[str]:
    """All texts of a record's builtins, keys included."""
    match record:
        case str():
            return [record]
        case dict():
            return [*record, *(text for value in record.values() for text in texts_of(value))]
        case list() | tuple():
            return [text for each in record for text in texts_of(each)]
    return []


def words_in(texts: Sequence[str], words: Sequence[str]) -> dict[str, list[str]]:
    """In which texts each of some words stands, as a whole word; those in none are left out."""
    found = {}
    for word in words:
        pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", re.IGNORECASE)
        if held := [text for text in dict.fromkeys(texts) if pattern.search(text)]:
            found[word] = held
    return found
