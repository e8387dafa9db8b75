"""What a page is made of. The sections turn it into HTML; nothing here is formatted yet."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from results.frame import Contents
from results.statistics.comparison import Comparison, compare
from results.statistics.profile import Profiled, profiles_of_runs
from results.statistics.profile_plan import Planned, plans_of_runs
from results.statistics.stability import StabilityWarning
from results.statistics.summary import Measurement, grouped, summarise
from results.statistics.timed import TimedRound
from results.tables.table import Table
from results.tables.words import candidate_labels, labels, on_place


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement with its rounds.

    Attributes:
        key: what its section is called on the page.
        label: its name, told from the others of its store.
        command: what measures it again; None where nobody can tell.
    """

    key: str
    label: str
    measurement: Measurement
    rounds: tuple[TimedRound, ...]
    command: str | None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison, told from the others of its store; `command` as of `Measured`."""

    label: str
    comparison: Comparison
    command: str | None


class ShownStore(msgspec.Struct, frozen=True, kw_only=True):
    """What one store holds.

    Attributes:
        name: of its folder, told from those of the other stores.
        contents: all of it, as it was read.
        profiles: of what did not fail in every process.
        plans: of what a runtime estimated, and did not run.
        suites: the tables of the paper's suites that were reproduced into it.
    """

    name: str
    contents: Contents
    measured: tuple[Measured, ...]
    compared: tuple[Compared, ...]
    profiles: tuple[Profiled, ...] = ()
    plans: tuple[Planned, ...] = ()
    suites: tuple[Table[Any], ...] = ()

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return tuple(each.measurement for each in self.measured)

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(each.comparison for each in self.compared)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a page shows.

    Attributes:
        advice: what to do about each warning.
        written_at: UTC, ISO 8601.
        version: of the effmod that writes it.
    """

    stores: tuple[ShownStore, ...]
    advice: dict[StabilityWarning, str]
    written_at: str
    version: str

    @property
    def measured(self) -> tuple[Measured, ...]:
        """Of all stores."""
        return tuple(each for store in self.stores for each in store.measured)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Of all stores."""
        return tuple(each.measurement for each in self.measured)


def shown_store(
    number: int,
    name: str,
    contents: Contents,
    *,
    suites: Sequence[Table[Any]] = (),
    measure_again: Callable[[Measurement, TimedRound], str | None],
    compare_again: Callable[[Comparison], str | None],
) -> ShownStore:
    """A store, summarised.

    Args:
        number: its place among the stores of the page.
        measure_again, compare_again: what does it again; the first is told the first round, too.
    """
    measurements = summarise(contents.rounds, contents.pairs, contents.accuracies)
    groups = [tuple(each for each in group if isinstance(each, TimedRound)) for group in grouped(contents.rounds)]
    names = labels([each.artifact for each in measurements])
    names = [on_place(name, each.place) for name, each in zip(names, measurements, strict=True)]
    benched = {record.run_id for record in contents.rounds}
    # The pairs of a bench's run stand beside its measurements already.
    comparisons = [each for each in compare(contents.pairs) if each.run_id not in benched]
    return ShownStore(
        name=name,
        contents=contents,
        measured=tuple(
            Measured(
                key=f"s{number}-{i}",
                label=label,
                measurement=measurement,
                rounds=rounds,
                command=measure_again(measurement, rounds[0]),
            )
            for i, (label, measurement, rounds) in enumerate(zip(names, measurements, groups, strict=True))
        ),
        compared=tuple(
            Compared(label=label, comparison=each, command=compare_again(each))
            for label, each in zip(candidate_labels(comparisons), comparisons, strict=True)
        ),
        profiles=tuple(profiles_of_runs(contents.profiles)),
        plans=tuple(plans_of_runs(contents.profiles)),
        suites=tuple(suites),
    )
