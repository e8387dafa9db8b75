"""Records as statistics need them. A store may hold fifty thousand: each keeps its times as arrays, and what many of
them have in common is there once."""

from typing import TYPE_CHECKING, TypeVar

import msgspec

from results.records.artifact import Remarks, Subnormals, TimedArtifact
from results.records.environment import Environment, SessionFacts
from results.records.measured import ComparisonProcess, Outcome, Round
from results.records.plan import BenchPlan, ComparisonPlan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Times = npt.NDArray[np.int64]

T = TypeVar("T")


class TimedRound(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A round. Its times are arrays of shape (runs,); all else is as in `Round`."""

    run_id: str
    started_at: str
    index: int
    attempt: int
    plan: BenchPlan
    environment: Environment
    artifact: TimedArtifact
    outcome: Outcome
    failure: str | None
    load_ns: int | None
    first_inference_ns: int | None
    warmup_runs: int | None
    steady: bool | None
    durations_ns: "Times"
    parts_ns: "dict[str, Times]"
    fed_ns: tuple[int, ...]
    other_ns: tuple[int, ...]
    gpu_durations_ns: "Times | None"
    peak_memory_bytes: int | None
    subnormals: Subnormals | None
    remarks: Remarks


class TimedPair(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A process of a comparison. Its times are arrays of shape (runs,); all else is as in `ComparisonProcess`."""

    run_id: str
    started_at: str
    target: int
    index: int
    attempt: int
    plan: ComparisonPlan
    environment: Environment
    candidate_session: SessionFacts | None
    apart: bool
    baseline: TimedArtifact
    candidate: TimedArtifact
    outcome: Outcome
    failure: str | None
    baseline_ns: "Times"
    candidate_ns: "Times"
    baseline_fed_ns: tuple[int, ...]
    baseline_other_ns: tuple[int, ...]
    candidate_fed_ns: tuple[int, ...]
    candidate_other_ns: tuple[int, ...]
    baseline_subnormals: Subnormals | None
    candidate_subnormals: Subnormals | None
    baseline_remarks: Remarks
    candidate_remarks: Remarks


class Pool:
    """Makes what statistics need of one record after another."""

    def __init__(self) -> None:
        self._known: dict[tuple[type, bytes], object] = {}

    def timed_round(self, record: Round) -> TimedRound:
        return TimedRound(
            run_id=self._share(record.run_id),
            started_at=record.started_at,
            index=record.index,
            attempt=record.attempt,
            plan=self._share(record.plan),
            environment=self._environment(record.environment),
            artifact=self._share(record.artifact),
            outcome=record.outcome,
            failure=record.failure,
            load_ns=record.load_ns,
            first_inference_ns=record.first_inference_ns,
            warmup_runs=record.warmup_runs,
            steady=record.steady,
            durations_ns=_array(record.durations_ns),
            parts_ns={part: _array(taken) for part, taken in record.parts_ns.items()},
            fed_ns=record.fed_ns,
            other_ns=record.other_ns,
            gpu_durations_ns=None if record.gpu_durations_ns is None else _array(record.gpu_durations_ns),
            peak_memory_bytes=record.peak_memory_bytes,
            subnormals=self._share(record.subnormals),
            remarks=self._share(record.remarks),
        )

    def timed_pair(self, record: ComparisonProcess) -> TimedPair:
        return TimedPair(
            run_id=self._share(record.run_id),
            started_at=record.started_at,
            target=record.target,
            index=record.index,
            attempt=record.attempt,
            plan=self._share(record.plan),
            environment=self._environment(record.environment),
            candidate_session=self._share(record.candidate_session),
            apart=record.apart,
            baseline=self._share(record.baseline),
            candidate=self._share(record.candidate),
            outcome=record.outcome,
            failure=record.failure,
            baseline_ns=_array(record.baseline_ns),
            candidate_ns=_array(record.candidate_ns),
            baseline_fed_ns=record.baseline_fed_ns,
            baseline_other_ns=record.baseline_other_ns,
            candidate_fed_ns=record.candidate_fed_ns,
            candidate_other_ns=record.candidate_other_ns,
            baseline_subnormals=self._share(record.baseline_subnormals),
            candidate_subnormals=self._share(record.candidate_subnormals),
            baseline_remarks=self._share(record.baseline_remarks),
            candidate_remarks=self._share(record.candidate_remarks),
        )

    def _environment(self, environment: Environment) -> Environment:
        return msgspec.structs.replace(
            environment, machine=self._share(environment.machine), session=self._share(environment.session)
        )

    def _share(self, value: T) -> T:
        """The first value that was like this one."""
        return self._known.setdefault((type(value), msgspec.json.encode(value)), value)  # type: ignore[return-value]


def _array(durations_ns: tuple[int, ...]) -> "Times":
    import numpy as np  # here, so that listing the zoo does not wait for it

    return np.array(durations_ns, dtype=np.int64)
