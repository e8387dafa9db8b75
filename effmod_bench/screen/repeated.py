"""Somebody's figures, measured again, with what is said about them."""

from collections.abc import Sequence

from effmod_bench.screen.advice import say_warnings
from effmod_bench.screen.console import Console
from results.statistics.conditions import Figure, artifact_of, other_file
from results.statistics.reproduced import Again, Reproduced
from results.tables.reproduced import reproduced_table
from results.tables.words import labels, on_place, on_runtimes
from results.tables.write import OutputFormat


def names_of(figures: Sequence[Figure]) -> list[str]:
    """What messages call somebody's figures: by what ran them, too, where that is not the same for all."""
    return on_runtimes(labels([artifact_of(each) for each in figures]), [figure.options.runtime for figure in figures])


def print_repeated(console: Console, rows: Sequence[Reproduced], output_format: OutputFormat, *, margin: float) -> None:
    """The table, the advice on what was doubtful here, and what of all that is an error."""
    console.table(reproduced_table(rows, margin=margin), output_format)
    names = names_of([row.theirs for row in rows])
    named = [(on_place(name, row.place), row) for name, row in zip(names, rows, strict=True)]
    say_warnings(console, [(name, row.ours.warnings) for name, row in named if row.ours is not None])
    for name, row in named:
        if row.verdict is Again.DIFFERS:
            console.error(f"{name} is not reproduced: {_in_words(row)}")
        elif row.verdict is Again.NOT_MEASURED:
            console.warn(f"{name} was not measured: {row.reason}")


def _in_words(row: Reproduced) -> str:
    """How far away it is."""
    found, file = row.estimate, "it is another file"
    if row.ours is not None and artifact_of(row.ours).sha256 == artifact_of(row.theirs).sha256:
        file = "what it is timed in turn with is another file"
    if found is None:
        return file
    span = f"it takes {found.ratio:.3f} ({found.low:.3f} to {found.high:.3f}) times as long here"
    return f"{file}, and {span}" if row.ours is None or other_file(row.theirs, row.ours) else span
