"""The table of measurements, with all that is said about it."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from effmod_bench.screen.advice import say_warnings
from effmod_bench.screen.console import Console
from results import Comparison, Measurement
from results.published import PAPER_RUNS
from results.statistics.gate import GateVerdict
from results.tables.table import Table
from results.tables.words import candidate_labels, counted, labels, on_place, percent
from results.tables.write import OutputFormat


def print_measurements(
    console: Console, measurements: Sequence[Measurement], table: Table[Any], output_format: OutputFormat
) -> None:
    """A table of measurements, with advice on the doubtful ones; with -v also what ran on which processor."""
    console.table(table, output_format)
    named = labels([measurement.artifact for measurement in measurements])
    names = [on_place(name, each.place) for name, each in zip(named, measurements, strict=True)]
    say_warnings(console, [(name, each.warnings) for name, each in zip(names, measurements, strict=True)])
    for name, measurement in zip(names, measurements, strict=True):
        for processor, kinds in ((measurement.session and measurement.session.nodes) or {}).items():
            listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
            console.detail(f"{name}: {counted(sum(kinds.values()), 'operator')} on {processor}: {listed}")
        for failure in dict.fromkeys(measurement.failures):
            console.warn(f"{name}: failed: {failure}")


def say_precision(console: Console, comparisons: Sequence[Comparison]) -> None:
    """Where it went on until enough was known: whether it is, after how many runs, and how often."""
    for name, comparison in zip(candidate_labels(comparisons), comparisons, strict=True):
        found, until, gate = comparison.estimate, comparison.plan.until, comparison.gate
        took = f"{comparison.processes} processes, {comparison.runs} timed runs of each"
        if comparison.plan.until_decided and gate is not None and found is not None:
            decided = gate.verdict is not GateVerdict.UNDECIDED
            console.note(f"{name}: {'decided' if decided else 'not decided'} after {took}")
        if until is not None and found is not None:
            missed = found.half_width > until
            # Of two that are written alike one may be over the other.
            just_over = "just over " * (missed and percent(found.half_width) == percent(until))
            known = f"{name}: known to within {just_over}{percent(found.half_width)} after {took}"
            if missed:
                known += f", not yet to {percent(until)}: {_what_is_in_the_way(comparison, until)}"
            console.note(known)
    for until in sorted({comparison.plan.until for comparison in comparisons if comparison.plan.until is not None}):
        asked = [comparison for comparison in comparisons if comparison.plan.until == until]
        runs = [c.runs for c in asked if c.estimate and c.estimate.half_width <= until]
        if len(asked) > 1 and runs:
            console.note(
                f"{percent(until)} was reached by {len(runs)} of {len(asked)}, after {median(runs):.0f} timed runs of "
                f"each in the median; {sum(2 * each < PAPER_RUNS for each in runs)} took fewer than the paper's "
                f"{PAPER_RUNS}, both files' runs counted"
            )


def _what_is_in_the_way(comparison: Comparison, until: float) -> str:
    of_this_run = comparison.estimate_alone
    if of_this_run is not None and of_this_run.half_width <= until:
        return "this run came so far, but earlier ones of the pair differ by more, which more processes do not narrow"
    return "a new run with a longer --max-time may do it"
