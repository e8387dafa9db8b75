"""From the processes of a comparison to a ratio, its interval and a verdict. Pure: nothing here is stored."""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from results.records.artifact import Remarks, Subnormals, TimedArtifact
from results.records.environment import Machine
from results.records.measured import ComparisonProcess, Outcome
from results.records.plan import ComparisonPlan, RuntimeOptions
from results.statistics.attempts import failures, first_made, last_attempts
from results.statistics.dependence import depend
from results.statistics.estimate import Estimate, Verdict, estimate, judge, median_ratio
from results.statistics.feeds import InputDependence, input_dependence, may_depend
from results.statistics.gate import Gate, judge_gate
from results.statistics.latency import median_run_ms
from results.statistics.looks import next_look
from results.statistics.modes import fall_in_two
from results.statistics.span import span_s
from results.statistics.stability import StabilityWarning, find_machine_warnings, find_subnormal_warnings
from results.statistics.timed import TimedPair

P = TypeVar("P", bound=ComparisonProcess | TimedPair)

_MOST_EARLIER = 50  # more tell little more, and of thousands each would be looked at with each

_Earlier = deque[list[tuple[str, float]]]
"""Runs of a pair: of each process when it began, and its ratio."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of one place's part of a run that timed two artifacts in turn, in one stable environment.

    Attributes:
        control: the candidate is the baseline itself, loaded twice.
        options: of the candidate.
        apart: each had processes of its own, by turns, as of `ComparisonProcess`.
        place, share: where they were timed, and of which place's part of the run they are, as in `Environment`.
        threads: intra-op threads that were used, by both together.
        processes: those that did not fail.
        runs: timed inferences of each of the two, over all processes.
        baseline_p50_ms, candidate_p50_ms: medians over all of them. Their quotient is not the ratio, which is taken
            within each process.
        measured_s: from the start of the first process to the end of the last.
        process_ratios: of each process by itself, in the order in which they ran.
        earlier_runs: those before it, of the same pair in the same environment, that its interval has learnt from: the
            latest fifty.
        estimate: None where fewer than two processes succeeded: one alone has no interval.
        baseline_input_dependence, candidate_input_dependence: what the time of each was for one input and for another;
            None where no difference was seen.
        baseline_subnormals, candidate_subnormals: of each; None where they were not counted.
        baseline_remarks, candidate_remarks: on each.
        warnings: what the machine was and did meanwhile, and whether the ratio is another one at each of its speeds.
            Drift gives none: it meets both alike.
        failures: the reason of each process that failed.
        gate: None where none was asked for, and for a control, which is no target.
    """

    run_id: str
    plan: ComparisonPlan
    baseline: TimedArtifact
    candidate: TimedArtifact
    control: bool
    options: RuntimeOptions
    apart: bool = False
    machine: Machine
    place: str | None = None
    share: str | None = None
    gpu: str | None
    threads: int | None
    processes: int
    runs: int
    baseline_p50_ms: float | None
    candidate_p50_ms: float | None
    measured_s: float | None
    process_ratios: tuple[float, ...]
    earlier_runs: int
    estimate: Estimate | None
    verdict: Verdict | None
    baseline_input_dependence: InputDependence | None = None
    candidate_input_dependence: InputDependence | None = None
    baseline_subnormals: Subnormals | None = None
    candidate_subnormals: Subnormals | None = None
    baseline_remarks: Remarks = Remarks()
    candidate_remarks: Remarks = Remarks()
    warnings: tuple[StabilityWarning, ...]
    failures: tuple[str, ...]
    gate: Gate | None = None

    @property
    def estimate_alone(self) -> Estimate | None:
        """What its own processes tell, without what earlier runs do."""
        return self.estimate and estimate(self.process_ratios, error=self.estimate.error)


def compare(records: Iterable[ComparisonProcess | TimedPair]) -> list[Comparison]:
    """Group processes into comparisons: run by run, and in each in the order in which its targets were given.

    Runs are not pooled: what one may conclude depends on how often it was looked at. Nor are the machines and versions
    that one run met, where it was resumed on another: the latest comes last. Nor is what a machine did for itself and
    what it did instead of one that was lost, since each was to be so much. But what an earlier run of the same pair
    found in the same environment tells how much its ratio is another one at another time, and widens the interval.

    Args:
        records: of the runs to compare, and of all before them that may tell.
    """
    return [comparison for _, comparison in compare_by_environment(records)]


def compare_by_environment(records: Iterable[ComparisonProcess | TimedPair]) -> list[tuple[bytes, Comparison]]:
    """As `compare`, each beside `Environment.stable` of its records."""
    attempts = list(records)
    began: dict[str, str] = {}
    for record in attempts:
        began[record.run_id] = min(record.started_at, began.get(record.run_id, record.started_at))
    # Each in its place: a run by when it began, an environment where it is first met.
    runs = {run_id: place for place, run_id in enumerate(sorted(began, key=began.__getitem__))}
    environments: dict[tuple[bytes, str | None], int] = {}
    groups: dict[tuple[int, int, int], list[ComparisonProcess | TimedPair]] = defaultdict(list)
    for record in last_processes(attempts):
        environment = environments.setdefault((record.environment.stable, record.environment.share), len(environments))
        groups[runs[record.run_id], record.target, environment].append(record)
    stable = [each for each, _ in environments]
    earlier: dict[tuple[object, ...], _Earlier] = defaultdict(lambda: deque(maxlen=_MOST_EARLIER))
    found = []
    for key in sorted(groups):
        group, met_in = groups[key], stable[key[-1]]
        first = group[0]
        pair = met_in, first.baseline, first.candidate, first.plan.options, first.plan.options_of(first.target)
        comparison = gated(_comparison(group, _before(began[first.run_id], earlier[pair])))
        if comparison.process_ratios and not first.plan.of_race:
            starts = (record.started_at for record in group if record.outcome is Outcome.OK)
            earlier[pair].append(list(zip(starts, comparison.process_ratios, strict=True)))
        found.append((met_in, comparison))
    return found


def last_processes(records: Iterable[P]) -> list[P]:
    """The processes that no later attempt took the place of, in the order given."""
    return last_attempts(records, lambda record: (record.run_id, record.environment.share, record.target, record.index))


def _before(moment: str, runs: _Earlier) -> list[tuple[float, ...]]:
    """Of each run the ratios of the processes that began before a moment: one may have been resumed later."""
    found = (tuple(ratio for started_at, ratio in run if started_at < moment) for run in runs)
    return [ratios for ratios in found if ratios]


def gated(comparison: Comparison, limit: float | None = None) -> Comparison:
    """The same with its gate.

    Args:
        limit: None for that of its plan.
    """
    limit = comparison.plan.fail_if_slower if limit is None else limit
    if limit is None or comparison.control:
        return comparison
    gate = judge_gate(comparison.estimate, limit, processes=(comparison.processes,), warnings=comparison.warnings)
    return msgspec.structs.replace(comparison, gate=gate)


def _comparison(records: Sequence[ComparisonProcess | TimedPair], earlier: Sequence[tuple[float, ...]]) -> Comparison:
    first = records[0]
    good = [record for record in records if record.outcome is Outcome.OK]
    gpu = first.environment.gpu_before
    ratios = tuple(median_ratio(record.baseline_ns, record.candidate_ns) for record in good)
    found = estimate(ratios, error=next_look(first.plan, len(records)).error, earlier=earlier)
    dependence = (
        input_dependence((each.baseline_fed_ns, each.baseline_other_ns) for each in good),
        input_dependence((each.candidate_fed_ns, each.candidate_other_ns) for each in good),
    )
    # Those of a run that began before they were counted lack them.
    subnormals = (
        next((record.baseline_subnormals for record in records if record.baseline_subnormals is not None), None),
        next((record.candidate_subnormals for record in records if record.candidate_subnormals is not None), None),
    )
    return Comparison(
        run_id=first.run_id,
        plan=first.plan,
        baseline=first.baseline,
        candidate=first.candidate,
        control=first.target == 0,
        options=first.plan.options_of(first.target),
        apart=first.apart,
        machine=first.environment.machine,
        place=first.environment.place,
        share=first.environment.share,
        gpu=gpu.name if gpu else None,
        threads=first.environment.threads,
        processes=len(good),
        runs=sum(len(record.baseline_ns) for record in good),
        baseline_p50_ms=median_run_ms([record.baseline_ns for record in good]),
        candidate_p50_ms=median_run_ms([record.candidate_ns for record in good]),
        measured_s=span_s(good),
        process_ratios=ratios,
        earlier_runs=len(earlier),
        estimate=found,
        verdict=judge(found, first.plan.margin),
        baseline_input_dependence=dependence[0],
        candidate_input_dependence=dependence[1],
        baseline_subnormals=subnormals[0],
        candidate_subnormals=subnormals[1],
        baseline_remarks=first_made(record.baseline_remarks for record in records),
        candidate_remarks=first_made(record.candidate_remarks for record in records),
        warnings=(
            *find_machine_warnings([record.environment for record in good]),
            *((StabilityWarning.PROCESSES_DEPEND,) if depend([math.log(ratio) for ratio in ratios]) else ()),
            *((StabilityWarning.RATIO_BIMODAL,) if fall_in_two(ratios) else ()),
            *((StabilityWarning.INPUT_DEPENDENT,) if any(dependence) else ()),
            *((StabilityWarning.MADE_UP_INPUT,) if _may_depend(good) else ()),
            *find_subnormal_warnings(first.plan.device, first.plan.options, subnormals),
        ),
        failures=failures(records),
    )


def _may_depend(good: Sequence[ComparisonProcess | TimedPair]) -> bool:
    """Whether the time of either may depend on values that were made up."""
    return any(
        may_depend(artifact, session)
        for each in good[:1]
        for artifact, session in ((each.baseline, each.environment.session), (each.candidate, each.candidate_session))
    )
