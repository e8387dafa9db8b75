"""A table drawn as wide as a screen is."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from results.tables.table import Column, Row, Table, is_number
from results.tables.visible import visible

if TYPE_CHECKING:
    from rich.table import Table as RichTable


def rich_table(table: Table[Row], columns: Sequence[Column[Row]], room: int) -> "RichTable":
    """A table whose columns are as narrow as they can be, and together wider by this `room` where they need it.

    Names and figures are never folded or cut; other text is folded between its words.
    """
    from rich import box
    from rich.table import Table as RichTable

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    least, widths = [], []
    for i, column in enumerate(columns):
        lines = [*column.header.splitlines(), *(visible(column.text(row)) for row in table.rows)]
        widths.append(max(map(cell_len, lines), default=0))
        whole = i == 0 or is_number(column, table.rows)
        words = [word for line in lines for word in line.split()]
        least.append(widths[i] if whole else max(map(cell_len, words), default=0))
    room += sum(least)
    while sum(widths) > max(room, sum(least)):
        widest = max((i for i, width in enumerate(widths) if width > least[i]), key=widths.__getitem__)
        widths[widest] -= 1
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column(
            column.header,
            justify="right" if is_number(column, table.rows) else "left",
            style="dim" if column.published else None,
            width=max(width, 1),
        )
    for row in table.rows:
        drawn.add_row(*(Text(visible(column.text(row))) for column in columns))
    return drawn


def fold(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)
