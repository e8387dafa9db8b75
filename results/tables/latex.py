"""A table for a paper: a float with caption, label and notes, which compiles as it is."""

import re

from results.tables.table import Column, Row, Table, is_number
from results.tables.visible import as_latex

# What a document needs before its beginning. Wider or higher tables than the page has room for are made smaller.
PREAMBLE = (r"\usepackage[T1]{fontenc}", r"\usepackage{booktabs}", r"\usepackage{adjustbox}")
# Of what stands around a table, how much a line holds, and how many lines there may be at most on its page.
_CHARACTERS, _LINES = 80, 30


def latex(table: Table[Row], *, number: int = 1) -> str:
    """The table as a `table` of LaTeX's.

    Args:
        number: of this one among those of its name in the document: labels must differ.
    """
    columns = table.main_columns()
    caption = " -- ".join(map(as_latex, table.heading)) or as_latex(table.name.capitalize())
    notes = [as_latex(note) for note in table.notes_of(columns)]
    lines = 3 + sum(-(-len(text) // _CHARACTERS) for text in (caption, *notes))
    room = rf"max width=\linewidth, max totalheight=\dimexpr\textheight-{min(lines, _LINES)}\baselineskip\relax"
    return "\n".join(
        (
            f"% in the preamble: {' '.join(PREAMBLE)}",
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{_label(table.name)}{'' if number == 1 else f'-{number}'}}}",
            rf"\begin{{adjustbox}}{{{room}}}",
            *_tabular(table, columns),
            r"\end{adjustbox}",
            *([r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"] if notes else []),
            *(rf"{note}\par" for note in notes),
            *([r"\end{minipage}"] if notes else []),
            r"\end{table}",
            "",
        )
    )


def _tabular(table: Table[Row], columns: list[Column[Row]]) -> list[str]:
    is_right = [is_number(column, table.rows) for column in columns]
    sides = ["r" if right else "l" for right in is_right]
    headers = [_header(column, side) for column, side in zip(columns, sides, strict=True)]
    rows = [[as_latex(column.text(row)) for column in columns] for row in table.rows]
    numbers = [[_minus(cell) if right else cell for cell, right in zip(row, is_right, strict=True)] for row in rows]
    return [
        rf"\begin{{tabular}}{{{''.join(sides)}}}",
        r"\toprule",
        _row(headers),
        r"\midrule",
        *map(_row, numbers),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _header(column: Column[Row], side: str) -> str:
    """A header in the lines that it has on the screen."""
    lines = [as_latex(line) for line in column.header.strip().splitlines()]
    if len(lines) < 2:
        return "".join(lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + r"\\ ".join(lines) + r"\end{tabular}"


def _minus(number: str) -> str:
    return re.sub(r"^-(?=[\d.])", "$-$", number)


def _label(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", name.casefold()))
