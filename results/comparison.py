"""From the processes of a comparison to a ratio, its interval and a verdict. Pure: nothing here is stored."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import fmean, median, stdev

import msgspec

from results.record import ComparisonPlan, ComparisonProcess, Machine, Outcome, RuntimeOptions, TimedArtifact
from results.stability import StabilityWarning, fall_in_two, find_machine_warnings

# How often an interval may miss the truth.
ERROR = 0.05
# An interval over fewer processes is narrow by luck too often to stop at it.
FEWEST_UNTIL = 6
_GROWTH = 1.5
_NS_PER_MS = 1e6


class Verdict(StrEnum):
    """What a comparison says of the candidate."""

    FASTER = "faster"
    SLOWER = "slower"
    NOT_DISTINGUISHABLE = "not distinguishable"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate's time over the baseline's.

    Attributes:
        low, high: the interval.
        half_width: the interval is the ratio, times or divided by 1 + this.
        error: how often the interval may miss: 5 %, or less where it is one of several looks.
    """

    ratio: float
    low: float
    high: float
    half_width: float
    error: float = ERROR

    @property
    def speed(self) -> "Estimate":
        """How many times as fast as the baseline the candidate is: the same, the other way round."""
        return msgspec.structs.replace(self, ratio=1 / self.ratio, low=1 / self.high, high=1 / self.low)


UNCHANGED = Estimate(ratio=1.0, low=1.0, high=1.0, half_width=0.0)
"""The baseline beside itself, which needs no measuring."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of one run that timed two artifacts in turn, in one stable environment, summarised.

    Attributes:
        control: the candidate is the baseline itself, loaded twice.
        options: of the candidate.
        threads: intra-op threads that were used, by both together.
        processes: those that did not fail.
        runs: timed inferences of each of the two, over all processes.
        baseline_p50_ms, candidate_p50_ms: medians over all of them. Their quotient is not the ratio, which is taken
            within each process.
        process_ratios: of each process by itself, in the order in which they ran.
        estimate: None where fewer than two processes succeeded: one alone has no interval.
        warnings: what the machine was and did meanwhile, and whether the ratio is another one at each of its speeds.
            Drift gives none: it meets both alike.
        failures: the reason of each process that failed.
    """

    run_id: str
    plan: ComparisonPlan
    baseline: TimedArtifact
    candidate: TimedArtifact
    control: bool
    options: RuntimeOptions
    machine: Machine
    gpu: str | None
    threads: int | None
    processes: int
    runs: int
    baseline_p50_ms: float | None
    candidate_p50_ms: float | None
    process_ratios: tuple[float, ...]
    estimate: Estimate | None
    verdict: Verdict | None
    warnings: tuple[StabilityWarning, ...]
    failures: tuple[str, ...]


def median_ratio(baseline_ns: Sequence[int], candidate_ns: Sequence[int]) -> float:
    """The median, over pairs of runs that followed each other, of the candidate's time over the baseline's.

    It passes over the pairs that something else on the machine interrupted: where that met a third of the runs, the
    ratios of whole blocks, four runs each, scattered from process to process a hundred times as much. In A B B A
    either comes first as often, so that what slows down steadily delays both alike.

    Args:
        baseline_ns, candidate_ns: the n-th of the one and of the other are a pair.

    Raises:
        ValueError: there is no pair, or a run without its other.
    """
    return median(b / a for a, b in zip(baseline_ns, candidate_ns, strict=True))


def estimate(process_ratios: Sequence[float], *, error: float = ERROR) -> Estimate | None:
    """Mean of the logarithms, and Student's t interval over the processes, which are the independent units.

    A bootstrap of so few would be too narrow. None for fewer than two processes.

    Args:
        process_ratios: or any other figure of each process that is above 0.
        error: how often the interval may miss.
    """
    if len(process_ratios) < 2:
        return None
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats would take a second to import

    logs = [math.log(ratio) for ratio in process_ratios]
    mean = fmean(logs)
    half = float(stdtrit(len(logs) - 1, 1 - error / 2)) * stdev(logs) / math.sqrt(len(logs))
    return Estimate(
        ratio=math.exp(mean),
        low=math.exp(mean - half),
        high=math.exp(mean + half),
        half_width=math.expm1(half),
        error=error,
    )


def judge(estimate: Estimate | None, margin: float) -> Verdict | None:
    """Faster or slower where the interval excludes 1 and the difference is at least the margin; None without one."""
    if estimate is None:
        return None
    if abs(estimate.ratio - 1) < margin or estimate.low <= 1 <= estimate.high:
        return Verdict.NOT_DISTINGUISHABLE
    return Verdict.FASTER if estimate.ratio < 1 else Verdict.SLOWER


def is_slower(estimate: Estimate | None, verdict: Verdict | None, limit: float) -> bool:
    """Whether it is called slower, and by more than a share of the time that it is compared with."""
    return verdict is Verdict.SLOWER and estimate is not None and estimate.ratio > 1 + limit


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A time at which a comparison may be looked at, and stop.

    Attributes:
        processes: after how many.
        error: how often the interval that is computed then may miss.
    """

    processes: int
    error: float


def next_look(plan: ComparisonPlan, processes: int) -> Look:
    """The first look after at least so many processes.

    Without `until` there is one. With it, who looks often and stops at a narrow interval misses the truth more often
    than each interval does. So look k spends 0.05 / (k (k + 1)) of the error; these add up to 0.05, and all intervals
    hold together. Each look comes after half as many processes again: looks cost little then, and the number of
    processes is at most half more than needed.
    """
    if plan.until is None:
        return Look(processes=plan.processes, error=ERROR)
    size, number = max(plan.processes, FEWEST_UNTIL), 1
    while size < processes:
        size, number = math.ceil(size * _GROWTH), number + 1
    return Look(processes=size, error=ERROR / (number * (number + 1)))


def compare(records: Iterable[ComparisonProcess]) -> list[Comparison]:
    """Group processes into comparisons: run by run, and in each in the order in which its targets were given.

    Runs are not pooled: what one may conclude depends on how often it was looked at. Nor are the machines and versions
    that one run met, where it was resumed on another: the latest comes last.
    """
    return [comparison for _, comparison in compare_by_environment(records)]


def compare_by_environment(records: Iterable[ComparisonProcess]) -> list[tuple[bytes, Comparison]]:
    """As `compare`, each beside `Environment.stable` of its records."""
    records = _last_attempts(records)
    runs = list(dict.fromkeys(record.run_id for record in records))
    stable = [record.environment.stable for record in records]
    environments = list(dict.fromkeys(stable))
    groups: dict[tuple[int, int, int], list[ComparisonProcess]] = defaultdict(list)
    for record, environment in zip(records, stable, strict=True):
        groups[runs.index(record.run_id), record.target, environments.index(environment)].append(record)
    return [(environments[key[-1]], _comparison(groups[key])) for key in sorted(groups)]


def _last_attempts(records: Iterable[ComparisonProcess]) -> list[ComparisonProcess]:
    """What no later attempt took the place of, in the order given."""
    records = list(records)
    last: dict[tuple[str, int, int], int] = defaultdict(int)
    for record in records:
        process = record.run_id, record.target, record.index
        last[process] = max(last[process], record.attempt)
    return [record for record in records if record.attempt == last[record.run_id, record.target, record.index]]


def _comparison(records: Sequence[ComparisonProcess]) -> Comparison:
    first = records[0]
    good = [record for record in records if record.outcome is Outcome.OK]
    gpu = first.environment.gpu_before
    ratios = tuple(median_ratio(record.baseline_ns, record.candidate_ns) for record in good)
    found = estimate(ratios, error=next_look(first.plan, len(records)).error)
    return Comparison(
        run_id=first.run_id,
        plan=first.plan,
        baseline=first.baseline,
        candidate=first.candidate,
        control=first.target == 0,
        options=first.plan.options_of(first.target),
        machine=first.environment.machine,
        gpu=gpu.name if gpu else None,
        threads=first.environment.threads,
        processes=len(good),
        runs=sum(len(record.baseline_ns) for record in good),
        baseline_p50_ms=_median_ms([ns for record in good for ns in record.baseline_ns]),
        candidate_p50_ms=_median_ms([ns for record in good for ns in record.candidate_ns]),
        process_ratios=ratios,
        estimate=found,
        verdict=judge(found, first.plan.margin),
        warnings=(
            *find_machine_warnings([record.environment for record in good]),
            *((StabilityWarning.RATIO_BIMODAL,) if fall_in_two(ratios) else ()),
        ),
        failures=tuple(
            record.failure or "no reason recorded" for record in records if record.outcome is Outcome.FAILED
        ),
    )


def _median_ms(durations_ns: Sequence[int]) -> float | None:
    return median(durations_ns) / _NS_PER_MS if durations_ns else None
