"""Tables: which columns there are, and how one is written for a program, a paper or a page.

Drawing on the screen is the command's affair (`effmod_bench.console`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

Row = TypeVar("Row")
Cell = str | int | float | None


class Column(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One column of a table over rows of one type.

    Attributes:
        key: its name for programs (CSV, DataFrame).
        header: its name for people, with the unit.
        get: the raw value of a row; None leaves the cell empty.
        show: the value as people read it.
        detail: left out where there is room for the main figures only.
        published: holds a figure of the paper's, never ours.
        spare: where a screen is too narrow, the column with the highest goes first; 0 stays. No figure is ever cut:
            where those that stay do not fit, each row's columns stand one below the other.
    """

    key: str
    header: str
    get: Callable[[Any], Cell]
    show: Callable[[Any], str] = str
    detail: bool = False
    published: bool = False
    spare: int = 0

    @property
    def label(self) -> str:
        """The header in one line."""
        return self.header.replace("-\n", "").replace("\n", " ").strip()

    def text(self, row: Row) -> str:
        value = self.get(row)
        return "" if value is None else self.show(value)


class Table(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """Rows with their columns, and the notes that stand under them."""

    rows: tuple[Row, ...]
    columns: tuple[Column[Row], ...]
    notes: tuple[str, ...] = ()
    title: str | None = None

    def main_columns(self) -> list[Column[Row]]:
        """The columns for people: no details, and none that is empty in every row."""
        return main_columns(self.columns, self.rows)


def main_columns(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> list[Column[Row]]:
    return [c for c in columns if not c.detail and any(c.get(row) is not None for row in rows)]


def is_number(column: Column[Row], rows: Sequence[Row]) -> bool:
    """Whether a column is set flush right."""
    return all(isinstance(column.get(row), int | float | None) for row in rows)


def fact(column: Column[Row], columns: Sequence[Column[Row]], rows: Iterable[Row], *, shown: bool) -> Column[Row]:
    """A column of what rows may share: where rows of one name, the first column, differ in it, it stays."""
    values: dict[Cell, set[Cell]] = defaultdict(set)
    for row in rows:
        values[columns[0].get(row)].add(column.get(row))
    tells_apart = any(len(found) > 1 for found in values.values())
    return msgspec.structs.replace(column, detail=not shown, spare=0 if tells_apart else column.spare or 7)
