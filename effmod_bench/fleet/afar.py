"""What places elsewhere have in common, however they are reached: what is known of one is what it said at first."""

from collections.abc import Sequence
from typing import Any

import msgspec

from effmod_bench.fleet.messages import Ready
from effmod_bench.fleet.messages import Watched as Answer
from effmod_bench.instrument.clock import utc_now
from effmod_bench.instrument.process.messages import Broken, Job, PairJob
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import cores_within, threads_among
from effmod_bench.instrument.watch import Watched, request_of
from results import BenchPlan, ComparisonPlan, Environment, Machine

UNKNOWN = Machine(
    os="unknown",
    architecture="unknown",
    cpu_model=None,
    physical_cores=None,
    logical_cores=None,
    available_cores=0,
    cpu_quota=None,
    memory_bytes=0,
    governor=None,
    versions={},
    effmod_commit=None,
)
"""A machine before it is reached; `is_seen` is False."""


class Afar:
    """The part of a `Place` that needs no connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lost: str | None = None

    @property
    def ready(self) -> Ready | None:
        """What the machine said when nobody else measured there any more; None where it never did."""
        raise NotImplementedError

    def placed(self, environment: Environment) -> Environment:
        """An environment, with where it is."""
        raise NotImplementedError

    def cleaned(self, text: str) -> str:
        """What is said of it, as a record may have it, which names no host and no user."""
        raise NotImplementedError

    @property
    def machine(self) -> Machine:
        return self.ready.machine if self.ready else UNKNOWN

    def threads(self, plan: BenchPlan | ComparisonPlan) -> int | None:
        machine = self.machine
        return threads_among(plan, max(1, cores_within(machine.available_cores, machine.cpu_quota)))

    def cores(self) -> Sequence[Sequence[int]] | None:
        return self.ready.cores if self.ready else None

    def environment(self, job: Job | PairJob) -> Environment:
        threads = request_of(job).intra_op_num_threads or None
        return self.placed(Environment(machine=self.machine, threads=threads, session=None, load_average=None))

    def at_home(self, answer: Answer, began: str) -> Watched[Any]:
        """What it answers, as it is recorded: by this machine's date, since a board may have none."""
        outcome = answer.outcome
        if isinstance(outcome, Broken):
            outcome = msgspec.structs.replace(outcome, reason=self.cleaned(outcome.reason))
        environment = self.placed(answer.environment)
        return Watched(started_at=began, outcome=outcome, environment=environment, disturbed=answer.disturbed)

    def failed(self, job: Job | PairJob, reason: str, *, again: bool, began: str | None = None) -> Watched[Any]:
        """An attempt that came to nothing.

        Args:
            again: it is worth another one.
            began: when that was; now, where nothing had begun.
        """
        return Watched(
            started_at=began or now(),
            outcome=Broken(reason=self.cleaned(reason), detail=""),
            environment=self.environment(job),
            disturbed=again,
        )


def changed(subjects: Sequence[Subject]) -> str | None:
    """Why a job is not sent: a file that is another one now than when it was hashed."""
    names = [subject.path.name for subject in subjects if subject.has_changed()]
    return f"{names[0]} was changed or deleted during the run" if names else None


def now() -> str:
    """UTC, as records have it."""
    return utc_now().isoformat(timespec="milliseconds")
