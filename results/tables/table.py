"""What a table is: rows, columns, and which columns these rows need."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence, Set
from typing import Any, Generic, TypeVar

import msgspec

Row = TypeVar("Row")
Cell = str | int | float | None

# What stands behind a header or in a cell, and at the beginning of the note that explains it.
MARKS = frozenset("¹²³⁴⁵⁶⁷⁸⁹≈ᵐˢᵖ")


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What rows usually have in common, and so is a column only where they differ in it.

    Attributes:
        words: of the value, how it is said above the table where it is none; None where it is not said at all.
        place: there, from left to right.
    """

    words: Callable[[Any], str] | None = None
    place: int = 0


class Column(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One column of a table over rows of one type.

    Attributes:
        key: its name for programs (CSV, DataFrame).
        header: its name for people, with the unit.
        get: the raw value of a row; None leaves the cell empty.
        show: the value as people read it.
        mark: what stands behind it in a row, and is explained under the table.
        detail: left out where there is room for the main figures only.
        published: holds a figure of the paper's, never ours.
        spare: where a screen is too narrow, the column with the highest goes first; 0 stays. No figure is ever cut:
            where those that stay do not fit, each row's columns stand one below the other.
        fact: makes two rows different ones: where rows of one name, the first column, differ in it, it stays on any
            screen.
        alone: its header where the columns beside it may be others, if what it is a part of must then be said.
        shared: a detail that is shown where rows differ in it; None for all other columns.
    """

    key: str
    header: str
    get: Callable[[Any], Cell]
    show: Callable[[Any], str] = str
    mark: Callable[[Any], str] | None = None
    detail: bool = False
    published: bool = False
    spare: int = 0
    fact: bool = False
    alone: str | None = None
    shared: Shared | None = None

    @property
    def label(self) -> str:
        """The header in one line."""
        return _in_one_line(self.header)

    @property
    def label_alone(self) -> str:
        """The same where the columns beside it do not say what it is a part of."""
        return _in_one_line(self.alone or self.header)

    def text(self, row: Row) -> str:
        """The cell as people read it."""
        value = self.get(row)
        if value is None:
            return ""
        return self.show(value) + (self.mark(row) if self.mark else "")


def _in_one_line(header: str) -> str:
    return header.replace("-\n", "").replace("\n", " ").strip()


class Note(str):
    """A line under a table that is about some of its columns: it goes where none of these was chosen.

    One that begins with a mark (¹) goes where none of them is shown, chosen or not. A line that is no such note, but
    begins with a mark, goes where the mark is not to be seen; all others stay.

    Args:
        columns: their keys.
        words: what it says to a reader of the columns of these keys; None where it always says the same.
    """

    __slots__ = ("columns", "words")
    columns: tuple[str, ...]
    words: Callable[[Set[str]], str] | None

    def __new__(cls, text: str, *columns: str, words: Callable[[Set[str]], str] | None = None) -> "Note":
        note = super().__new__(cls, text)
        note.columns, note.words = columns, words
        return note


class Table(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """Rows with their columns, and the notes that stand under them.

    Attributes:
        subtitle: a second line below the title.
        name: what it is called where it is referred to, as in a paper.
        chosen: its columns were chosen by somebody, who wants these, filled or not.
    """

    rows: tuple[Row, ...]
    columns: tuple[Column[Row], ...]
    notes: tuple[str, ...] = ()
    title: str | None = None
    subtitle: str | None = None
    name: str = "table"
    chosen: bool = False

    @property
    def heading(self) -> tuple[str, ...]:
        """The lines above the table."""
        return tuple(filter(None, (self.title, self.subtitle)))

    def main_columns(self) -> list[Column[Row]]:
        """The columns for people: those that were chosen, or no details and none that is empty in every row."""
        return list(self.columns) if self.chosen else main_columns(self.columns, self.rows)

    def notes_of(self, columns: Sequence[Column[Row]]) -> list[str]:
        """The notes for a reader of these columns: without those that explain nothing which is shown."""
        keys = {column.key for column in columns}
        seen = set("".join([*self.heading, *(column.header for column in columns)]))
        seen |= {char for column in columns for row in self.rows for char in column.text(row)}

        def explains(note: str) -> bool:
            is_marked = note[:1] in MARKS
            if isinstance(note, Note):
                return not keys.isdisjoint(note.columns) or not (is_marked or self.chosen)
            return not is_marked or note[0] in seen

        found = [note for note in self.notes if explains(note)]
        return [note.words(keys) if isinstance(note, Note) and note.words else note for note in found]


def main_columns(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> list[Column[Row]]:
    """The columns for people: no details, and none that is empty in every row."""
    return [c for c in columns if not c.detail and any(c.get(row) is not None for row in rows)]


def is_number(column: Column[Row], rows: Sequence[Row]) -> bool:
    """Whether a column is set flush right."""
    return all(isinstance(column.get(row), int | float | None) for row in rows)


def differing(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> set[str]:
    """The keys of what rows usually share, and these do not."""
    return {column.key for column in columns if column.shared and len({column.get(row) for row in rows}) > 1}


def told_apart_by(
    columns: Sequence[Column[Row]], rows: Sequence[Row], *, telling: Container[str], details: Container[str]
) -> set[str]:
    """Which details rows differ in that are otherwise alike.

    Args:
        telling: the keys of the facts that are shown.
        details: the keys of those that are shown where nothing else tells rows apart.
    """
    shown = [columns[0], *(column for column in columns if column.key in telling)]
    alike: dict[tuple[Cell, ...], list[Row]] = defaultdict(list)
    for row in rows:
        alike[tuple(column.get(row) for column in shown)].append(row)
    return {
        column.key
        for column in columns
        if column.key in details
        for group in alike.values()
        if len({column.get(row) for row in group}) > 1
    }


def settle(columns: Sequence[Column[Row]], rows: Sequence[Row], *, telling: Container[str]) -> tuple[Column[Row], ...]:
    """The columns as these rows need them.

    Args:
        telling: the keys of details that are to be shown.
    """
    return tuple(
        msgspec.structs.replace(
            column,
            detail=column.detail and column.key not in telling,
            spare=_spare(column, columns[0], rows) if column.fact else column.spare,
        )
        for column in columns
    )


def in_common(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str | None:
    """What all rows share, in one line; None where there is nothing to say.

    Args:
        columns: as they were settled for these rows.
    """
    shared = [(column, column.shared) for column in columns if column.shared and column.detail]
    words = [
        common.words(column.get(row))
        for column, common in sorted(shared, key=lambda pair: pair[1].place)
        for row in rows[:1]
        if common.words and column.text(row)
    ]
    return ", ".join(words) or None


def _spare(fact: Column[Row], name: Column[Row], rows: Iterable[Row]) -> int:
    """When a fact goes: early where it tells no rows apart, and never where it does."""
    values: dict[Cell, set[Cell]] = defaultdict(set)
    for row in rows:
        values[name.get(row)].add(fact.get(row))
    tells_apart = any(len(found) > 1 for found in values.values())
    return 0 if tells_apart else fact.spare or 7
