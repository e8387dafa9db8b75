"""A network's few tests, each a process of its own, as Table 10 has them: how far their means lie apart."""

from collections.abc import Iterable
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


def repeated(measurement: Measurement, rounds: Iterable[Round | TimedRound]) -> Repeated:
    """The tests of a measurement: its rounds."""
    good = [record.durations_ns for record in rounds if record.outcome is Outcome.OK]
    means = tuple(float(sum(durations)) / len(durations) / 1e6 for durations in good)
    return Repeated(measurement=measurement, means_ms=means)
