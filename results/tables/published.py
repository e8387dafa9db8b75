"""Figures of the paper as columns beside ours."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any

from results.published import read_table
from results.statistics.summary import Measurement
from results.tables.table import Cell, Column

# Words that a heading has capitals in, or that say more than the column's name.
_WORDS = {"top1": "top-1 %", "ms": "ms", "m": "M", "g": "G", "ap": "AP", "miou": "mIoU", "std": "±"}
_NAME = "name"


def paper_name(row: Any) -> str:
    """The network's name where the paper's figures are of what was timed; "" for another form or image size.

    Args:
        row: holds a measurement.
    """
    measurement: Measurement = row.measurement
    return measurement.name if measurement.published else ""


def published_columns(
    source: str, name: Callable[[Any], str], *, shown: Collection[str] | None = None, besides: Collection[str] = ()
) -> tuple[Column[Any], ...]:
    """The columns of one file under `results/published`, for rows that have a network each.

    Args:
        name: of a row's network.
        shown: the columns that are no details; None for all.
        besides: those that the table has already.
    """
    rows = read_table(source)
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for key, value in row.items():
            if value and value not in values[key][row[_NAME]]:
                values[key][row[_NAME]].append(value)

    def column(key: str) -> Column[Any]:
        return _column(key, lambda row: values[key].get(name(row), ()), detail=shown is not None and key not in shown)

    return tuple(column(key) for key in rows[0] if key != _NAME and key not in besides)


def _column(key: str, get: Callable[[Any], Sequence[str]], *, detail: bool = False) -> Column[Any]:
    """A column of texts and numbers, each as it is printed in the paper."""
    printed: dict[Cell, str] = {}

    def value(row: Any) -> Cell:
        found = get(row)
        if len(found) != 1:
            return " or ".join(found) or None
        try:
            number = float(found[0])
        except ValueError:
            return found[0]
        printed[number] = found[0]
        return number

    words = [_WORDS.get(word, word) for word in key.split("_")]
    head, tail = " ".join(words[:-1]), words[-1]
    return Column(
        key=f"published_{key}",
        header=f"paper's\n{f'{head} {tail}' if head else tail}",
        get=value,
        show=lambda number: printed.get(number, str(number)),
        published=True,
        spare=4,
        detail=detail,
    )
