"""A network's few tests, each a process of its own, as Table 10 has them: how far their means lie apart."""

from collections.abc import Iterable, Sequence
from statistics import fmean, variance

import msgspec

from results.records.measured import Outcome, Round
from results.statistics.summary import Measurement
from results.statistics.timed import TimedRound


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """The tests of one measurement.

    Attributes:
        means_ms: of each test that did not fail, in the order in which they were made.
    """

    measurement: Measurement
    means_ms: tuple[float, ...]

    @property
    def mean_ms(self) -> float | None:
        """The mean of the tests' means; None where all failed."""
        return fmean(self.means_ms) if self.means_ms else None

    @property
    def variance_ms2(self) -> float | None:
        """The sample variance of the tests' means, in square milliseconds; None of one test."""
        return variance(self.means_ms) if len(self.means_ms) > 1 else None

    @property
    def std_ms(self) -> float | None:
        """Their sample standard deviation."""
        return None if self.variance_ms2 is None else self.variance_ms2**0.5


def repeated(measurements: Sequence[Measurement], rounds: Iterable[Round | TimedRound]) -> list[Repeated]:
    """The tests of each measurement: its rounds."""
    good = [record for record in rounds if record.outcome is Outcome.OK]
    found = []
    for m in measurements:
        own = [
            record
            for record in good
            if record.run_id in m.run_ids
            and record.artifact == m.artifact
            and record.plan.device is m.device
            and record.plan.options == m.options
            and record.plan.warmup_runs == m.warmup_runs
            and record.environment.threads == m.threads
            and record.environment.machine.stable == m.machine.stable
        ]
        means = tuple(float(sum(record.durations_ns)) / len(record.durations_ns) / 1e6 for record in own)
        found.append(Repeated(measurement=m, means_ms=means))
    return found
