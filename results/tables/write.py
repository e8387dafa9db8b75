"""A table written for a program, a paper or a page. Drawing on the screen is the command's affair."""

import csv
import io
from enum import StrEnum

from results.tables.latex import latex
from results.tables.table import Row, Table, is_number
from results.tables.visible import as_csv, as_markdown, as_markdown_line, visible_json


class OutputFormat(StrEnum):
    """How a command prints its table."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


def render(table: Table[Row], output_format: OutputFormat, *, number: int = 1) -> str:
    """A table as text for a file or another program.

    JSON is a list of the rows' own types, whole; where columns were chosen, of objects of these. CSV has every column,
    raw but for text that a spreadsheet would take for a formula, which begins with an apostrophe, and for what is not
    seen. Markdown and LaTeX have what the screen has, with the notes below.

    Args:
        number: of this table among those of its name in one document, which LaTeX's labels need.

    Raises:
        ValueError: for `OutputFormat.TABLE`, which only a screen can show.
    """
    match output_format:
        case OutputFormat.JSON:
            if not table.chosen:
                return visible_json(table.rows) + "\n"
            return visible_json([{c.key: c.get(row) for c in table.columns} for row in table.rows]) + "\n"
        case OutputFormat.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([column.key for column in table.columns])
            writer.writerows([[as_csv(column.get(row)) for column in table.columns] for row in table.rows])
            return text.getvalue()
        case OutputFormat.MARKDOWN:
            return _markdown(table)
        case OutputFormat.LATEX:
            return latex(table, number=number)
        case OutputFormat.TABLE:
            raise ValueError("a table for the screen is drawn by the console")


def _markdown(table: Table[Row]) -> str:
    from tabulate import tabulate

    columns = table.main_columns()
    lines = [as_markdown_line(line) for line in table.heading]
    caption = "\n".join(lines) + "\n\n" if lines else ""
    cells = [[as_markdown(column.text(row)) for column in columns] for row in table.rows]
    align = ["right" if is_number(column, table.rows) else "left" for column in columns]
    headers = [as_markdown(column.label) for column in columns]
    drawn = tabulate(cells, headers, tablefmt="pipe", disable_numparse=True, colalign=align if cells else None)
    notes = "".join(f"\n{as_markdown_line(note)}\n" for note in table.notes_of(columns))
    return f"{caption}{drawn}\n{notes}"
