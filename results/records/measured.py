"""The records of measured processes: a round of one artifact, or a comparison of two."""

from enum import StrEnum

import msgspec

from results.records.artifact import Remarks, Subnormals, TimedArtifact
from results.records.base import Count, Nanoseconds, Record
from results.records.environment import Environment, SessionFacts
from results.records.plan import BenchPlan, ComparisonPlan


class Outcome(StrEnum):
    """Whether a process came to its end."""

    OK = "ok"
    FAILED = "failed"


class Round(Record, frozen=True, kw_only=True, tag="round"):
    """One fresh process that timed one artifact: the atom of all that is stored.

    Attributes:
        run_id: of the invocation that it belongs to.
        index: which of the artifact's rounds in that run, from 0.
        attempt: a round that failed can be repeated; this counts from 0, and the last one stands for the round.
        failure: the reason, where `outcome` is failed.
        load_ns: creating the runtime's session from the file.
        first_inference_ns: the first inference, before the warm-up.
        warmup_runs: inferences made to warm up.
        steady: whether they had settled when the timed ones began; None where there were none.
        durations_ns: each timed inference, in the order in which they ran.
        parts_ns: what parts of each timed inference took, by the part's name; empty where none stands apart.
        fed_ns, other_ns: a few inferences before the warm-up, in turn, of what is fed and of values drawn otherwise:
            whether the time depends on the input. Empty where that was not tried.
        gpu_durations_ns: as many inferences more, by events on the GPU's stream; None where there are none.
        peak_memory_bytes: largest resident memory of the process.
        subnormals: of the artifact; None where they were not counted.
        remarks: on the artifact; none in records from before they were made.

    Raises:
        ValueError: it came to its end, and timed nothing; or a part not as often as the whole.
    """

    run_id: str
    index: Count
    attempt: Count = 0
    plan: BenchPlan
    environment: Environment
    artifact: TimedArtifact
    outcome: Outcome
    failure: str | None = None
    load_ns: Count | None = None
    first_inference_ns: Count | None = None
    warmup_runs: Count | None = None
    steady: bool | None = None
    durations_ns: tuple[Nanoseconds, ...] = ()
    parts_ns: dict[str, tuple[Count, ...]] = msgspec.field(default_factory=dict)
    fed_ns: tuple[Nanoseconds, ...] = ()
    other_ns: tuple[Nanoseconds, ...] = ()
    gpu_durations_ns: tuple[Count, ...] | None = None
    peak_memory_bytes: Count | None = None
    subnormals: Subnormals | None = None
    remarks: Remarks = Remarks()

    def __post_init__(self) -> None:
        if self.outcome is Outcome.OK and not self.durations_ns:
            raise ValueError("outcome is ok, and durations_ns is empty")
        for part, taken in self.parts_ns.items():
            if len(taken) != len(self.durations_ns):
                raise ValueError(f"parts_ns has {len(taken)} of {part}, and durations_ns {len(self.durations_ns)} runs")


class ComparisonProcess(Record, frozen=True, kw_only=True, tag="comparison"):
    """One fresh process that timed two artifacts in turn: A, the baseline, and B, the candidate.

    Attributes:
        run_id: of the invocation that it belongs to.
        target: which of the plan's targets the candidate is; 0 is the baseline itself, loaded twice, as a control.
        index: which of the comparison's processes in that run, from 0.
        attempt: a process that failed can be repeated; this counts from 0, and the last one stands for the process.
        environment: its session is the baseline's.
        candidate_session: the candidate's; None where the process failed.
        apart: each had a process of its own, one after the other, since their runtimes cannot share one.
        cores: that the process was bound to; None where the system cannot do that.
        load_order: "AB" or "BA".
        order: of the timed runs, one letter each, such as "ABBABAAB".
        failure: the reason, where `outcome` is failed.
        baseline_ns, candidate_ns: each timed inference, in the order in which they ran; the n-th of both are a pair.
        relative_error: of the candidate's outputs against the baseline's, for what both were fed, relative to the
            largest; None where they cannot be set side by side.
        baseline_fed_ns, baseline_other_ns, candidate_fed_ns, candidate_other_ns: of each, as of a round.
        baseline_subnormals, candidate_subnormals, baseline_remarks, candidate_remarks: as of a round.

    Raises:
        ValueError: it came to its end, and timed nothing, or one artifact more often than the other; or its plan has no
            such target.
    """

    run_id: str
    target: Count
    index: Count
    attempt: Count = 0
    plan: ComparisonPlan
    environment: Environment
    candidate_session: SessionFacts | None
    apart: bool = False
    cores: tuple[Count, ...] | None
    baseline: TimedArtifact
    candidate: TimedArtifact
    load_order: str
    order: str
    outcome: Outcome
    failure: str | None = None
    baseline_ns: tuple[Nanoseconds, ...] = ()
    candidate_ns: tuple[Nanoseconds, ...] = ()
    relative_error: float | None = None
    baseline_fed_ns: tuple[Nanoseconds, ...] = ()
    baseline_other_ns: tuple[Nanoseconds, ...] = ()
    candidate_fed_ns: tuple[Nanoseconds, ...] = ()
    candidate_other_ns: tuple[Nanoseconds, ...] = ()
    baseline_subnormals: Subnormals | None = None
    candidate_subnormals: Subnormals | None = None
    baseline_remarks: Remarks = Remarks()
    candidate_remarks: Remarks = Remarks()

    def __post_init__(self) -> None:
        if self.outcome is Outcome.OK and not self.baseline_ns:
            raise ValueError("outcome is ok, and baseline_ns is empty")
        if self.outcome is Outcome.OK and len(self.baseline_ns) != len(self.candidate_ns):
            raise ValueError(
                f"baseline_ns and candidate_ns are pairs, and have {len(self.baseline_ns)} and {len(self.candidate_ns)}"
            )
        if self.plan.target_options and self.target >= len(self.plan.target_options):
            raise ValueError(f"target is {self.target}, and the plan has options of {len(self.plan.target_options)}")
