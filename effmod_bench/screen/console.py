"""What a person sees. Tables go to standard output; notes, warnings, errors and progress to standard error."""

import io
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.text import Text

from effmod_bench.screen.drawing import fold, rich_table
from effmod_bench.screen.progress import ProgressDisplay
from results.tables.arranged import Arrangement, arrange, check_columns
from results.tables.table import Column, Row, Table
from results.tables.visible import visible, visible_json
from results.tables.words import counted
from results.tables.write import OutputFormat, render

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

# A table that is piped into a file is not cut to the width of a terminal that is not there.
_PIPE_WIDTH = 240
_NOTE_WIDTH = 120  # longer lines are hard to read


class Console:
    """Where a command prints, and how much.

    Args:
        verbosity: -1 with `--quiet` (errors, and what must be known), 0, or the number of `-v`.
        wanted: how each table is to be arranged, as far as it has these columns.
    """

    def __init__(self, verbosity: int = 0, wanted: Arrangement = Arrangement()) -> None:  # noqa: B008 - it is frozen
        self.verbosity = verbosity
        self._wanted = wanted
        self._is_checked = False
        self._printed = Counter[str]()
        self._out = RichConsole(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        if self.verbosity >= 0:
            self._err.print(Text(_lines(text)))

    def detail(self, text: str) -> None:
        if self.verbosity >= 1:
            self._err.print(Text(_lines(text), style="dim"))

    def warn(self, text: str) -> None:
        if self.verbosity >= 0:
            self._err.print(Text.assemble(("warning: ", "yellow"), _lines(text)))

    def say(self, text: str) -> None:
        """What must be known, with `--quiet`, too."""
        self._err.print(Text(_lines(text)))

    def error(self, text: str) -> None:
        self._err.print(Text.assemble(("error: ", "bold red"), _lines(text)))

    def print(self, text: str) -> None:
        """A line of the command's own result."""
        self._out.print(Text(visible(text)), soft_wrap=True)

    def json(self, value: object) -> None:
        """One of our types, for another program."""
        _write(visible_json(value) + "\n")

    @property
    def is_arranged(self) -> bool:
        """Whether tables are wanted otherwise than they are."""
        return self._wanted != Arrangement()

    def expect(self, *tables: Table[Any], without_rows: bool = True) -> None:
        """Refuse columns that none of the tables has which are to come: before anything is measured.

        What one table has and another has not is no error from then on: each is arranged as far as that goes.

        Raises:
            UnknownColumnError: there is no such column.
        """
        check_columns(self._wanted, tables, without_rows=without_rows)
        self._is_checked = True

    def table(self, table: Table[Row], output_format: OutputFormat) -> None:
        """Print a table, and its notes, in the format asked for.

        Raises:
            UnknownColumnError: it was to be arranged by a column that it has not, and none was expected.
        """
        table = self._arranged(table)
        if output_format is not OutputFormat.TABLE:
            self._printed[table.name] += 1
            _write(render(table, output_format, number=self._printed[table.name]))
            return
        for line in table.heading:
            self._out.print(Text(visible(line), style="bold"))
        shown = self._draw(table, table.main_columns())
        if self.verbosity >= 1 and any(column.detail for column in table.columns):
            details = [column for column in table.columns if column.detail]
            filled = [c for c in (table.columns[0], *details) if any(c.get(row) is not None for row in table.rows)]
            shown += self._draw(table, filled)
        for note in table.notes_of(shown):
            # Words stay whole, or what is to be copied from a note would not work.
            width = min(self._out.width, _NOTE_WIDTH)
            for line in textwrap.wrap(
                visible(note), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
            ):
                self._out.print(Text(line, style="dim"), soft_wrap=True)

    def _arranged(self, table: Table[Row]) -> Table[Row]:
        """As it is wanted; says how many rows that leaves out, and which columns it has not got."""
        if not self._is_checked:
            check_columns(self._wanted, [table])
        lacking = self._wanted.lacking(table)
        arranged = arrange(table, self._wanted.without(lacking))
        what = f"{table.title or f'the table of {table.name}'}: "
        if lacking:
            self.note(f"{what}it has no column {', '.join(lacking)}")
        if left_out := len(table.rows) - len(arranged.rows):
            self.note(f"{what}{left_out} of {counted(len(table.rows), 'row')} left out (--limit {len(arranged.rows)})")
        return arranged

    def _draw(self, table: Table[Row], columns: Iterable[Column[Row]]) -> list[Column[Row]]:
        """Draw what fits; returns the columns that did."""
        shown, spared = list(columns), []
        while (room := self._room(table, shown)) < 0 and any(column.spare for column in shown):
            spared.append(max(shown, key=lambda column: column.spare))
            shown.remove(spared[-1])
        if room < 0:
            # Not even the main facts fit side by side.
            shown = list(columns)
            self._stack(table, shown)
            return shown
        self._out.print(rich_table(table, shown, room))
        if spared:
            names = ", ".join(column.label_alone for column in reversed(spared))
            self.note(f"Not shown, for want of width: {names}. All columns: --output-format csv")
        return shown

    def _room(self, table: Table[Row], columns: Sequence[Column[Row]]) -> int:
        """How much wider than the table must be the screen is; negative where it is narrower."""
        boundless = self._out.options.update(width=sys.maxsize)
        return self._out.width - self._out.measure(rich_table(table, columns, 0), options=boundless).maximum

    def _stack(self, table: Table[Row], columns: Sequence[Column[Row]]) -> None:
        """A row's columns one below the other."""
        first, *others = columns
        indent = 4 + max((cell_len(column.label) for column in others), default=0)
        for row in table.rows:
            self.print("")
            self.print(first.text(row))
            for column in others:
                for i, line in enumerate(fold(visible(column.text(row)), self._out.width - indent)):
                    self.print(f"  {'' if i else column.label}".ljust(indent) + line)
        self.print("")

    @contextmanager
    def progress(self, title: str, *, unit: str = "round") -> Iterator[ProgressDisplay]:
        """A bar on a terminal; in a log, a line a round, or whatever the `unit` is."""
        display = ProgressDisplay(
            self.note, title, unit, self._bar() if self._err.is_terminal and self.verbosity >= 0 else None
        )
        with display:
            yield display

    def track(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """The items, with a bar on a terminal that says how far they are and how long the rest takes."""
        from rich.markup import escape
        from rich.progress import MofNCompleteColumn, Progress

        shown = self._err.is_terminal and self.verbosity >= 0
        columns = (*Progress.get_default_columns(), MofNCompleteColumn())
        with Progress(*columns, console=self._err, transient=True, disable=not shown) as progress:
            yield from progress.track(items, total=total, description=escape(visible(what)))

    def _bar(self) -> "Progress":
        from rich.progress import BarColumn, Progress, TextColumn

        # Drawn only when told to: a thread that redraws would take processor time from what is timed.
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[rounds]}", markup=False),
            TextColumn("{task.fields[left]}", justify="right", markup=False),
            console=self._err,
            auto_refresh=False,
            transient=True,
        )


def _lines(text: str) -> str:
    """A message, whose lines but the first are indented: a name in it cannot begin one."""
    return "\n".join(map(visible, re.split(r"\n(?= )", text)))


def _write(text: str) -> None:
    """For a program, which reads UTF-8 whatever a terminal here would show."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)
