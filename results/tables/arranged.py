"""A table as somebody wants it: which columns, which rows first, and how many."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from results.tables.table import MARKS, Cell, Column, Row, Table

# The columns of arguments in which networks' names differ: there only once there are rows.
_ARGUMENT = "argument_"
_LISTED = 12  # columns in a message


class UnknownColumnError(ValueError):
    """A table has no such column, or several; the message says which come nearest."""


class Arrangement(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a table.

    Attributes:
        columns: names of columns, in the order in which they are to stand; none for those that the table has.
        sort: the column by which rows are put into order, upwards; downwards with a "-" before it. Rows without a
            value come last either way.
        limit: how many rows there are to be at most; 1 or more.

    A column's name is its key, as CSV has it, or the words of its header where no other column has the same.
    """

    columns: tuple[str, ...] = ()
    sort: str | None = None
    limit: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are named."""
        return (*self.columns, *([] if self.sort is None else [_name(self.sort)]))

    def lacking(self, table: Table[Any]) -> tuple[str, ...]:
        """The columns that a table has not got."""
        return tuple(dict.fromkeys(name for name in self.names if not _found(table.columns, name)))

    def without(self, names: Sequence[str]) -> "Arrangement":
        """What is left of it without these columns."""
        return msgspec.structs.replace(
            self,
            columns=tuple(name for name in self.columns if name not in names),
            sort=None if self.sort is not None and _name(self.sort) in names else self.sort,
        )


def arrange(table: Table[Row], wanted: Arrangement) -> Table[Row]:
    """The table with the columns, the order and the rows that are wanted.

    Raises:
        UnknownColumnError: it has no such column, or several of that header.
    """
    check_columns(wanted, [table])
    rows = table.rows
    if wanted.sort is not None:
        rows = _sorted(rows, _found(table.columns, _name(wanted.sort))[0], downwards=wanted.sort.startswith("-"))
    if wanted.limit is not None:
        rows = rows[: wanted.limit]
    table = msgspec.structs.replace(table, rows=rows)
    if not wanted.columns:
        return table
    found = dict.fromkeys(_found(table.columns, name)[0].key for name in wanted.columns)
    by_key = {column.key: column for column in table.columns}
    return msgspec.structs.replace(table, columns=tuple(_chosen(by_key[key]) for key in found), chosen=True)


def check_columns(wanted: Arrangement, tables: Sequence[Table[Any]], *, without_rows: bool = False) -> None:
    """Refuse a column that none of the tables has.

    Args:
        without_rows: the tables are still empty: what only rows would bring, arguments of networks, may be named.

    Raises:
        UnknownColumnError: there is none of that name, or several of that header.
    """
    for name in wanted.names:
        several = [found for table in tables if len(found := _found(table.columns, name)) > 1]
        if several:
            keys = ", ".join(column.key for column in several[0])
            raise UnknownColumnError(f"several columns have the header {name!r}; name one by its key: {keys}")
        if any(_found(table.columns, name) for table in tables) or (without_rows and name.startswith(_ARGUMENT)):
            continue
        raise UnknownColumnError(f"no column {name!r}; {_hint(name, [c for table in tables for c in table.columns])}")


def _hint(name: str, columns: Iterable[Column[Any]]) -> str:
    words = {written: column.key for column in columns for written in (_plain(column.key), *sorted(_labels(column)))}
    near = difflib.get_close_matches(_plain(name), words, n=3, cutoff=0.6)
    near = near or [written for written in words if _plain(name) in written.split()]
    keys = list(dict.fromkeys(words[each] for each in near))[:3]
    if keys:
        return f"did you mean {', '.join(map(repr, keys))}? All columns: --output-format csv"
    every = list(dict.fromkeys(words.values()))
    more = f", and {len(every) - _LISTED} more, which --output-format csv names" if len(every) > _LISTED else ""
    return f"there are {', '.join(every[:_LISTED])}{more}"


def _found(columns: Sequence[Column[Row]], name: str) -> list[Column[Row]]:
    """The column of this key, or those of this header."""
    by_key = [column for column in columns if column.key == name]
    by_key = by_key or [column for column in columns if _plain(column.key) == _plain(name)]
    return by_key[:1] or [column for column in columns if _plain(name) in _labels(column)]


def _labels(column: Column[Any]) -> set[str]:
    """How its header may be written."""
    return {words for words in map(_plain, (column.label, column.label_alone)) if words}


def _plain(text: str) -> str:
    """A name without what does not tell columns apart: marks, capitals, and how words are separated."""
    letters = "".join(char for char in text.casefold() if char not in MARKS)
    return " ".join(re.split(r"[\s_-]+", letters)).strip()


def _name(sort: str) -> str:
    return sort.removeprefix("-")


def _chosen(column: Column[Row]) -> Column[Row]:
    """A column as one that was asked for: no detail, and never left out for want of width."""
    return msgspec.structs.replace(column, detail=False, spare=0, shared=None, header=column.alone or column.header)


def _sorted(rows: Sequence[Row], column: Column[Row], *, downwards: bool) -> tuple[Row, ...]:
    filled = [row for row in rows if column.get(row) is not None]
    empty = [row for row in rows if column.get(row) is None]
    return (*sorted(filled, key=lambda row: _rank(column.get(row)), reverse=downwards), *empty)


def _rank(value: Cell) -> tuple[bool, float, str]:
    """Numbers by their size, then texts by their letters."""
    return (True, 0.0, value.casefold()) if isinstance(value, str) else (False, float(value or 0), "")
