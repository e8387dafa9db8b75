"""What tests of the page need: a report of some records, without a command."""

from pathlib import Path

from results import Comparison, Measurement, Record, StabilityWarning, Store
from results.frame import read_contents
from results.report.report import Report, shown_store
from results.statistics.timed import TimedRound


def _bench(measurement: Measurement, _: TimedRound) -> str:
    return f"effmod bench {measurement.name}"


def _compare(comparison: Comparison) -> str:
    return f"effmod compare {comparison.baseline.name} {comparison.candidate.name}"


def report_of(folder: Path, **stores: list[Record]) -> Report:
    """A page's content, of stores of these names."""
    shown = []
    for number, (name, records) in enumerate(stores.items()):
        store = Store(folder / name)
        store.check_writable()
        for record in records:
            store.write(record)
        contents = read_contents(store)
        shown.append(shown_store(number, name, contents, measure_again=_bench, compare_again=_compare))
    return Report(
        stores=tuple(shown),
        advice={warning: f"what to do about {warning}" for warning in StabilityWarning},
        written_at="2026-01-02T00:00:00+00:00",
        version="9.9",
    )
