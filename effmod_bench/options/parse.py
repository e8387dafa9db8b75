"""Texts that a user gives, as values: shares, durations, folders."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer

from effmod_bench.errors import TargetError

_LARGEST_SHARE = 1e6
_NARROWEST_IN, _WIDEST_IN = 2.0, 40.0


def parse_percent(text: str | float) -> float:
    """A share: "5%" is 0.05. A default is a share already.

    Raises:
        typer.BadParameter: the text is no percentage; a bare 5 or 0.05 could be either.
    """
    if isinstance(text, float):
        return text
    number = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?%", text.strip())
    if number is None:
        raise typer.BadParameter(f"{text!r} is no percentage; write it as 5% or 0.5%")
    share = float(number[1]) / 100
    if share > _LARGEST_SHARE:
        raise typer.BadParameter(f"{text!r} is more than anything differs by; write it as 5% or 0.5%")
    return share


def parse_width(text: str | float) -> float:
    """The width of an interval, as a share.

    Raises:
        typer.BadParameter: the text is no percentage, or nothing, which no measurement reaches.
    """
    share = parse_percent(text)
    if share == 0:
        raise typer.BadParameter("no ratio is known to 0%, however long it is measured; write it as 1% or 0.5%")
    return share


class Until(msgspec.Struct, frozen=True):
    """What a measurement goes on for: an interval of this width, as a share; None for a gate that is decided."""

    width: float | None


def parse_until(text: str) -> Until:
    """What a measurement goes on for: "1%", or "decided".

    Raises:
        typer.BadParameter: it is neither, as `parse_width`.
    """
    return Until(None if text.strip() == "decided" else parse_width(text))


def parse_duration(text: str | float) -> float:
    """Seconds: "90s", "10m" and "1.5h" are 90, 600 and 5400. A default is in seconds already.

    Raises:
        typer.BadParameter: the text is no duration, or none at all.
    """
    if isinstance(text, float):
        return text
    parts = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?([smh])", text.strip())
    if parts is None or float(parts[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no duration; write it as 90s, 10m or 1h")
    return float(parts[1]) * {"s": 1, "m": 60, "h": 3600}[parts[2]]


def parse_length(text: str | float) -> float:
    """Inches: "3.3in", "84mm", "8.4cm" and "240pt", which are 72 to the inch. A default is in inches already.

    Raises:
        typer.BadParameter: the text is no length, or none that a picture has.
    """
    if isinstance(text, float):
        return text
    parts = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?(in|cm|mm|pt)", text.strip())
    if parts is None:
        raise typer.BadParameter(f"{text!r} is no length; write it as 3.3in, 84mm, 8.4cm or 240pt")
    inches = float(parts[1]) / {"in": 1.0, "cm": 2.54, "mm": 25.4, "pt": 72.0}[parts[2]]
    if not _NARROWEST_IN <= inches <= _WIDEST_IN:
        raise typer.BadParameter(
            f"{text!r} is no width of a picture; choose from {_NARROWEST_IN:g}in, as narrow as names can be read, to "
            f"{_WIDEST_IN:g}in"
        )
    return inches


def check_output(folder: Path) -> None:
    """Refuse a folder for files that looks like one of the files themselves.

    Raises:
        TargetError: it does.
    """
    if folder.suffix in (".onnx", ".mlpackage") and not folder.is_dir():
        raise TargetError(
            f"--output {folder} is to be a folder, and effmod names the files in it; try --output {folder.parent}"
        )


def is_positive(number: str) -> bool:
    """Whether a text is a whole number of at least 1."""
    return number.isdecimal() and int(number) > 0


def the_only_one(name: str, text: str, values: Sequence[int]) -> int:
    """What an option of this name came to, where several make no sense.

    Raises:
        TargetError: there are several.
    """
    if len(values) > 1:
        raise TargetError(f"{name} {text}: several are for 'effmod bench'; give one")
    return values[0]


def is_text(name: str) -> bool:
    """Whether a name can be written into a record or a sidecar: on Linux a file's may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
