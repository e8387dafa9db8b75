"""The table of comparisons, with all that is said about it."""

from collections.abc import Sequence

from effmod_bench.screen.advice import say_warnings
from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import say_precision
from results import Comparison, Verdict
from results.tables.comparisons import comparison_table
from results.tables.words import candidate_labels
from results.tables.write import OutputFormat


def print_comparisons(console: Console, comparisons: Sequence[Comparison], output_format: OutputFormat) -> None:
    """The table of comparisons, with advice on the doubtful ones, and what else should be known of them."""
    console.table(comparison_table(comparisons), output_format)
    names = candidate_labels(comparisons)
    say_warnings(console, [(name, each.warnings) for name, each in zip(names, comparisons, strict=True)])
    for name, comparison in zip(names, comparisons, strict=True):
        for failure in dict.fromkeys(comparison.failures):
            console.warn(f"{name}: failed: {failure}")
        if comparison.control and comparison.verdict is not Verdict.NOT_DISTINGUISHABLE:
            console.warn(
                f"{name} is called {comparison.verdict} than itself: trust no difference of this size; close other "
                "programs, or raise --processes"
            )
    say_precision(console, comparisons)
