"""A table as a page shows it: cells with what they are sorted by."""

from collections.abc import Sequence
from typing import Any

import msgspec

from results.report.rendering import render
from results.tables.table import Column, Table, is_number

_WIDE = 24


class Heading(msgspec.Struct, frozen=True):
    """A column's header; `meaning` is said of one that has no words."""

    label: str
    meaning: str
    is_number: bool
    is_published: bool
    is_wide: bool


class Cell(msgspec.Struct, frozen=True):
    """A cell; `key` is what a number is sorted by, where the text is not."""

    text: str
    is_number: bool
    key: str | None = None
    link: str | None = None


def html_table(table: Table[Any], caption: str, *, links: Sequence[str] = (), can_be_filtered: bool = False) -> str:
    """A table that is sorted and filtered on the page, with its notes below.

    Args:
        caption: what it is; a screen reader says it first.
        links: for each row, the section that its first cell leads to; none for no links.
    """
    columns = table.main_columns()
    numbers = [is_number(column, table.rows) for column in columns]
    headings = [
        Heading(each.label, each.key.replace("_", " "), number, each.published, _is_wide(each, table.rows))
        for each, number in zip(columns, numbers, strict=True)
    ]
    rows = [
        [
            _cell(column, row, number, links[i] if links and place == 0 else None)
            for place, (column, number) in enumerate(zip(columns, numbers, strict=True))
        ]
        for i, row in enumerate(table.rows)
    ]
    return render(
        "table.html",
        caption=caption,
        lines=table.heading,
        headings=headings,
        rows=rows,
        notes=table.notes_of(columns),
        can_be_filtered=can_be_filtered,
    )


def _is_wide(column: Column[Any], rows: Sequence[Any]) -> bool:
    """Whether it holds sentences, or lists, which are not to be broken after each word."""
    return any(len(column.text(row)) > _WIDE for row in rows)


def _cell(column: Column[Any], row: Any, number: bool, link: str | None) -> Cell:
    value = column.get(row)
    key = f"{value:.9g}" if isinstance(value, int | float) else None
    return Cell(column.text(row), number, key, link)
