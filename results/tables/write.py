"""A table written for a program, a paper or a page. Drawing on the screen is the command's affair."""

import csv
import io
from enum import StrEnum

import msgspec

from results.tables.table import Row, Table, is_number


class OutputFormat(StrEnum):
    """How a command prints its table."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


def render(table: Table[Row], output_format: OutputFormat) -> str:
    """A table as text for a file or another program.

    JSON is a list of the rows' own types, whole. CSV has every column, raw. Markdown and LaTeX have what the
    screen has, with the notes below.

    Raises:
        ValueError: for `OutputFormat.TABLE`, which only a screen can show.
    """
    match output_format:
        case OutputFormat.JSON:
            return msgspec.json.format(msgspec.json.encode(table.rows), indent=2).decode() + "\n"
        case OutputFormat.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([column.key for column in table.columns])
            writer.writerows([[column.get(row) for column in table.columns] for row in table.rows])
            return text.getvalue()
        case OutputFormat.MARKDOWN:
            return _caption(table, "{}\n\n") + _tabulate(table, "pipe") + "".join(f"\n{note}\n" for note in table.notes)
        case OutputFormat.LATEX:
            return (
                _caption(table, "% {}\n")
                + _tabulate(table, "latex_booktabs")
                + "".join(f"% {n}\n" for n in table.notes)
            )
        case OutputFormat.TABLE:
            raise ValueError("a table for the screen is drawn by the console")


def _caption(table: Table[Row], form: str) -> str:
    return form.format(table.title) if table.title else ""


def _tabulate(table: Table[Row], style: str) -> str:
    from tabulate import tabulate

    columns = table.main_columns()
    cells = [[column.text(row) for column in columns] for row in table.rows]
    align = ["right" if is_number(column, table.rows) else "left" for column in columns]
    headers = [column.label for column in columns]
    return tabulate(cells, headers, tablefmt=style, disable_numparse=True, colalign=align if cells else None) + "\n"
