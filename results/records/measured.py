"""The records of measured processes: a round of one artifact, or a comparison of two."""

from enum import StrEnum

from results.records.artifact import TimedArtifact
from results.records.base import Record
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
        gpu_durations_ns: as many inferences more, by events on the GPU's stream; None where there are none.
        peak_memory_bytes: largest resident memory of the process.
    """

    run_id: str
    index: int
    attempt: int = 0
    plan: BenchPlan
    environment: Environment
    artifact: TimedArtifact
    outcome: Outcome
    failure: str | None = None
    load_ns: int | None = None
    first_inference_ns: int | None = None
    warmup_runs: int | None = None
    steady: bool | None = None
    durations_ns: tuple[int, ...] = ()
    gpu_durations_ns: tuple[int, ...] | None = None
    peak_memory_bytes: int | None = None


class ComparisonProcess(Record, frozen=True, kw_only=True, tag="comparison"):
    """One fresh process that timed two artifacts in turn: A, the baseline, and B, the candidate.

    Attributes:
        run_id: of the invocation that it belongs to.
        target: which of the plan's targets the candidate is; 0 is the baseline itself, loaded twice, as a control.
        index: which of the comparison's processes in that run, from 0.
        attempt: a process that failed can be repeated; this counts from 0, and the last one stands for the process.
        environment: its session is the baseline's.
        candidate_session: the candidate's; None where the process failed.
        cores: that the process was bound to; None where the system cannot do that.
        load_order: "AB" or "BA".
        order: of the timed runs, one letter each, such as "ABBABAAB".
        failure: the reason, where `outcome` is failed.
        baseline_ns, candidate_ns: each timed inference, in the order in which they ran; the n-th of both are a pair.
        relative_error: of the candidate's outputs against the baseline's, for what both were fed, relative to the
            largest; None where they cannot be set side by side.
    """

    run_id: str
    target: int
    index: int
    attempt: int = 0
    plan: ComparisonPlan
    environment: Environment
    candidate_session: SessionFacts | None
    cores: tuple[int, ...] | None
    baseline: TimedArtifact
    candidate: TimedArtifact
    load_order: str
    order: str
    outcome: Outcome
    failure: str | None = None
    baseline_ns: tuple[int, ...] = ()
    candidate_ns: tuple[int, ...] = ()
    relative_error: float | None = None
