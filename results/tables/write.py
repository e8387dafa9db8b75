"""A table written for a program, a paper or a page. Drawing on the screen is the command's affair."""

import csv
import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from results.tables.table import Row, Table, is_number
from results.tables.visible import as_csv, as_latex, as_markdown, as_markdown_line, visible, visible_json

if TYPE_CHECKING:
    from tabulate import TableFormat


class OutputFormat(StrEnum):
    """How a command prints its table."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


def render(table: Table[Row], output_format: OutputFormat) -> str:
    """A table as text for a file or another program.

    JSON is a list of the rows' own types, whole. CSV has every column, raw but for text that a spreadsheet would take
    for a formula, which begins with an apostrophe, and for what is not seen. Markdown and LaTeX have what the screen
    has, with the notes below.

    Raises:
        ValueError: for `OutputFormat.TABLE`, which only a screen can show.
    """
    match output_format:
        case OutputFormat.JSON:
            return visible_json(table.rows) + "\n"
        case OutputFormat.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([column.key for column in table.columns])
            writer.writerows([[as_csv(column.get(row)) for column in table.columns] for row in table.rows])
            return text.getvalue()
        case OutputFormat.MARKDOWN:
            lines = [as_markdown_line(line) for line in table.heading]
            caption = "\n".join(lines) + "\n\n" if lines else ""
            return (
                caption
                + _tabulate(table, "pipe", as_markdown)
                + "".join(f"\n{as_markdown_line(note)}\n" for note in table.notes)
            )
        case OutputFormat.LATEX:
            above, below = ("".join(f"% {visible(line)}\n" for line in lines) for lines in (table.heading, table.notes))
            return above + _tabulate(table, _latex(), as_latex) + below
        case OutputFormat.TABLE:
            raise ValueError("a table for the screen is drawn by the console")


def _tabulate(table: Table[Row], tablefmt: "str | TableFormat", escape: Callable[[str], str]) -> str:
    from tabulate import tabulate

    columns = table.main_columns()
    cells = [[escape(column.text(row)) for column in columns] for row in table.rows]
    align = ["right" if is_number(column, table.rows) else "left" for column in columns]
    headers = [escape(column.label) for column in columns]
    return tabulate(cells, headers, tablefmt=tablefmt, disable_numparse=True, colalign=align if cells else None) + "\n"


def _latex() -> "TableFormat":
    """As tabulate's "latex_booktabs", which escapes less than must be."""
    from tabulate import DataRow, Line, TableFormat

    def begin(_: object, aligns: Sequence[str]) -> str:
        columns = "".join("r" if align == "right" else "l" for align in aligns)
        return f"\\begin{{tabular}}{{{columns}}}\n\\toprule"

    row = DataRow("", "&", r"\\")
    return TableFormat(
        lineabove=begin,
        linebelowheader=Line(r"\midrule", "", "", ""),
        linebetweenrows=None,
        linebelow=Line("\\bottomrule\n\\end{tabular}", "", "", ""),
        headerrow=row,
        datarow=row,
        padding=1,
        with_header_hide=None,
    )
