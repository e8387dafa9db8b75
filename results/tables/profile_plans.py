"""The tables of a runtime's plan: estimated shares, and no times, as each of them says."""

from collections.abc import Iterator, Sequence

from results.statistics.profile_plan import Planned, PlannedPart
from results.tables.profiles import INDENT, share_in_words
from results.tables.table import Column, Table
from results.tables.words import counted, percent
from results.tables.write import OutputFormat

_FIRST = 10
_NAME, _MOST = "plan", "plan-operators"  # the tables' names


def _name(row: PlannedPart, output_format: OutputFormat) -> str:
    indent = INDENT[output_format]
    return indent * row.depth + row.name + (" (guessed)" if indent and row.operators == 1 and row.guessed else "")


def _processors(row: PlannedPart) -> str:
    if row.operators == 1 or len(row.processors) == 1:
        return next(iter(row.processors))
    return ", ".join(f"{name} {percent(share)}" for name, share in row.processors.items())


def _columns(header: str, output_format: OutputFormat = OutputFormat.TABLE) -> tuple[Column[PlannedPart], ...]:
    return (
        Column(key="name", header=header, get=lambda row: _name(row, output_format)),
        Column(
            key="estimated_share", header="estimated\nshare", get=lambda row: row.estimated_share, show=share_in_words
        ),
        Column(key="operators", header="operators", spare=2, get=lambda row: row.operators),
        Column(key="processors", header="would run on", spare=1, get=_processors),
    )


_FOR_PROGRAMS: tuple[Column[PlannedPart], ...] = (
    Column(key="path", header="path", get=lambda row: row.path, detail=True),
    Column(key="depth", header="depth", get=lambda row: row.depth, detail=True),
    Column(key="guessed", header="guessed", get=lambda row: row.guessed, detail=True),
)


def plan_table(
    planned: Planned, parts: Sequence[PlannedPart], *, header: str, output_format: OutputFormat
) -> Table[PlannedPart]:
    """Parts of a plan, with what they add up to.

    Args:
        header: of their names.
        output_format: which decides how the tree is drawn; for programs there are more columns.
    """
    columns = _columns(header, output_format)
    return Table(
        rows=tuple(parts),
        columns=columns if INDENT[output_format] else columns + _FOR_PROGRAMS,
        title=_title(planned),
        subtitle="estimated by Core ML's compute plan: nothing was run, and nothing was timed",
        notes=tuple(_notes(planned)),
        name=_NAME,
    )


def blank_plan_tables(header: str, output_format: OutputFormat) -> tuple[Table[PlannedPart], ...]:
    """What is shown of a plan, without rows."""
    columns = _columns(header, output_format)
    parts = Table(rows=(), columns=columns if INDENT[output_format] else columns + _FOR_PROGRAMS, name=_NAME)
    return parts, most_table(())


def most_table(operators: Sequence[PlannedPart]) -> Table[PlannedPart]:
    """The operators with most of the work."""
    where: Column[PlannedPart] = Column(key="module", header="module", spare=3, get=lambda row: row.path or None)
    name, share, _, processors = _columns("operator")
    rows = tuple(each for each in operators[:_FIRST] if each.estimated_share)
    title = f"The {counted(len(rows), 'operator')} with most of the work, as the plan estimates it"
    return Table(rows=rows, columns=(name, where, share, processors), title=title, name=_MOST)


def _title(planned: Planned) -> str:
    artifact = planned.artifact
    form = f", {artifact.form} form" if artifact.form else ""
    session = planned.environment.session
    by = session.runtime if session else planned.plan.options.runtime
    units = f", compute units {planned.plan.options.compute_units}" if planned.plan.options.compute_units else ""
    return f"{artifact.name}{form}: {by}{units}"


def _notes(planned: Planned) -> Iterator[str]:
    yield (
        "Shares are of the work of an inference, as Core ML estimates it without running the network, and processors "
        "those that it would choose. 'effmod bench --device coreml' times the network."
    )
    if planned.has_modules:
        words = f", {percent(planned.guessed)} by their neighbours alone" if planned.guessed else ""
        yield f"{percent(planned.attributed)} of the estimated work belongs to a module{words}."
