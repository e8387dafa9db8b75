"""Where a job is timed: on this machine, or elsewhere. Who asks for it does not know which."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from effmod_bench.instrument.machine.conditions import load_average
from effmod_bench.instrument.process.alternate import is_apart, run_apart
from effmod_bench.instrument.process.messages import Job, PairJob, ProfileJob, Warm
from effmod_bench.instrument.process.start import run_job
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import own_cores, threads_to_use
from effmod_bench.instrument.watch import Watched, gpu_of, request_of, watch_once
from results import BenchPlan, ComparisonPlan, Environment, Machine, ProfilePlan

WHAT: dict[type, str] = {Job: "round", PairJob: "process", ProfileJob: "profile"}
"""What a process that does a job is called."""


class Place(Protocol):
    """A machine that times one job after the other, each in a fresh process, and nothing beside it.

    Attributes:
        name: what records call it; None for this machine.
        machine: what it is; `is_seen` is False where it was never reached.
        lost: why nothing can be timed there any more; None while it can.
    """

    @property
    def name(self) -> str | None: ...

    @property
    def machine(self) -> Machine: ...

    @property
    def lost(self) -> str | None: ...

    def threads(self, plan: BenchPlan | ComparisonPlan) -> int | None:
        """How many threads run an inference there; None where the runtime chooses them."""
        ...

    def cores(self) -> Sequence[Sequence[int]] | None:
        """The logical cores that a process may be bound to, by physical core; None where there is no such thing."""
        ...

    def environment(self, job: Job | PairJob) -> Environment:
        """What is known of it when nothing of the job was run."""
        ...

    def time(
        self,
        job: Job | PairJob,
        subjects: Sequence[Subject],
        *,
        on_warm: Callable[[Warm], None],
        tick: Callable[[float], None],
        timeout_s: float | None,
    ) -> Watched[Any]:
        """Do a job in a fresh process; what it came to, `Timed` or `PairTimed`, and what the machine did meanwhile.

        Args:
            subjects: what it times, by the paths that they have here.
            on_warm: told when the timed runs begin, where that can be told without disturbing them.
            tick: told the seconds since the start, now and then.
            timeout_s: what the process may take; None for a generous multiple of what it should take.

        Raises:
            KeyboardInterrupt: the user interrupts, or it was closed; the process is gone by then.
        """
        ...

    def close(self) -> None:
        """Leave it; what runs there for this command ends."""
        ...


class Here:
    """This machine."""

    name: str | None = None
    lost: str | None = None

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def threads(self, plan: BenchPlan | ComparisonPlan | ProfilePlan) -> int | None:
        return threads_to_use(plan)

    def cores(self) -> list[list[int]] | None:
        return own_cores()

    def environment(self, job: Job | PairJob | ProfileJob) -> Environment:
        request = request_of(job)
        return Environment(
            machine=self.machine,
            threads=request.intra_op_num_threads or None,
            session=None,
            load_average=load_average(),
            gpu_before=gpu_of(request),
        )

    def time(
        self,
        job: Job | PairJob | ProfileJob,
        subjects: Sequence[Subject],
        *,
        on_warm: Callable[[Warm], None],
        tick: Callable[[float], None],
        timeout_s: float | None,
    ) -> Watched[Any]:
        """As `Place.time`; what was changed since it was hashed is not run."""

        def start() -> Any:
            return do(job, on_warm=on_warm, tick=tick, timeout_s=timeout_s)

        files = {subject.path: subject.stamps for subject in subjects}
        return watch_once(start, job, files, self.machine, what=WHAT[type(job)])

    def close(self) -> None:
        """Nothing stays: each job's process has ended with it."""


def do(
    job: Job | PairJob | ProfileJob,
    *,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    timeout_s: float | None,
) -> Any:
    """A job in a fresh process of this machine, or in two where a pair's runtimes cannot share one.

    Args:
        on_warm, tick, timeout_s: as of `Place.time`.
    """
    if isinstance(job, PairJob) and is_apart(job):
        return run_apart(job, partial(run_job, on_warm=on_warm, timeout_s=timeout_s), tick=tick)
    return run_job(job, on_warm=on_warm, tick=tick, timeout_s=timeout_s)
