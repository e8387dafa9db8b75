"""A runtime's plan on the screen."""

from effmod_bench.screen.console import Console
from results.statistics.profile_plan import (
    Planned,
    PlannedPart,
    planned_kinds,
    planned_modules,
    planned_operators,
)
from results.statistics.profile_tree import DEPTH
from results.tables.profile_plans import most_table, plan_table
from results.tables.write import OutputFormat


def print_plan(console: Console, planned: Planned, output_format: OutputFormat, *, by: str, depth: int = DEPTH) -> None:
    """A plan by modules, operators or kinds; on a screen the operators with most of the work, too.

    Args:
        by: "module", "operator" or "kind".
        depth: of modules.
    """
    parts = _parts(planned, by, depth, operators=console.verbosity >= 1)
    console.table(plan_table(planned, parts, header=by, output_format=output_format), output_format)
    if by != "operator" and output_format not in (OutputFormat.CSV, OutputFormat.JSON):
        console.table(most_table(planned_operators(planned)), output_format)


def _parts(planned: Planned, by: str, depth: int, *, operators: bool) -> tuple[PlannedPart, ...]:
    if by == "operator":
        return planned_operators(planned)
    if by == "kind":
        return planned_kinds(planned)
    return planned_modules(planned, depth=depth, operators=operators)
