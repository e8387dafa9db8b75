"""What the machine did while a process ran, and whether that spoils what it measured."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from effmod_bench.instrument.clock import disturbance, read_clocks, utc_now
from effmod_bench.instrument.machine.conditions import conditions_since, load_average, read_moment
from effmod_bench.instrument.machine.gpu import read_gpu
from effmod_bench.instrument.process.messages import Broken, PairTimed, Timed
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import threads_to_use
from results import BenchPlan, ComparisonPlan, Device, Environment, GpuState, Machine

# Where a path may begin in a text.
_BEGINS = r"(?<![\w.~/\\-])"

# How often a process is repeated at once where the machine was suspended, or its clock set, in the midst of it.
_REPEATS = 2


T = TypeVar("T", Timed, PairTimed)


class Watched(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a process came to, and what the machine did meanwhile.

    Attributes:
        started_at: UTC, ISO 8601.
        disturbed: the machine was suspended, or its clock set; the outcome says so.
    """

    started_at: str
    outcome: T | Broken
    environment: Environment
    disturbed: bool


def watch(
    start: Callable[[], T | Broken],
    plan: BenchPlan | ComparisonPlan,
    subjects: Sequence[Subject],
    machine: Machine,
    *,
    what: str,
    tick: Callable[[float], None],
) -> Iterator[Watched[T]]:
    """Run a process, and again at once where the machine was suspended meanwhile, or its clock set.

    It gives each of these attempts before the next begins.

    Args:
        start, plan, subjects, machine, what: as of `watch_once`.
        tick: told 0 seconds when an attempt begins.
    """
    for _ in range(1 + _REPEATS):
        tick(0.0)
        watched = watch_once(start, plan, subjects, machine, what=what)
        yield watched
        if not watched.disturbed:
            break


def watch_once(
    start: Callable[[], T | Broken],
    plan: BenchPlan | ComparisonPlan,
    subjects: Sequence[Subject],
    machine: Machine,
    *,
    what: str,
) -> Watched[T]:
    """Run a process, and note what the machine did meanwhile. It is not started for a file that is another one now.

    Args:
        start: runs the process to its end.
        what: it is, in words.
    """
    began, load, gpu = utc_now(), load_average(), _gpu(plan)
    before, clocks = read_moment(), read_clocks()
    changed = [subject.path.name for subject in subjects if subject.has_changed()]
    refused = Broken(reason=f"{changed[0]} was changed or deleted during the run", detail="") if changed else None
    outcome = refused or start()
    disturbed = None if isinstance(outcome, Broken) else disturbance(clocks, read_clocks())
    if disturbed is not None:
        outcome = Broken(reason=f"{disturbed} during the {what}", detail="")
    if isinstance(outcome, Broken):
        outcome = Broken(reason=without_folders(outcome.reason, subjects), detail=outcome.detail)
    environment = Environment(
        machine=machine,
        threads=threads_to_use(plan),
        session=None if isinstance(outcome, Broken) else outcome.session,
        load_average=load,
        conditions=conditions_since(before),
        gpu_before=gpu,
        gpu_after=_gpu(plan),
    )
    return Watched(
        started_at=began.isoformat(timespec="milliseconds"),
        outcome=outcome,
        environment=environment,
        disturbed=disturbed is not None,
    )


def not_begun(plan: BenchPlan | ComparisonPlan, machine: Machine) -> Watched[Timed]:
    """What stands in the place of a process for which no time was left."""
    return Watched(
        started_at=utc_now().isoformat(timespec="milliseconds"),
        outcome=Broken(reason="time was up", detail=""),
        environment=Environment(
            machine=machine,
            threads=threads_to_use(plan),
            session=None,
            load_average=load_average(),
            gpu_before=_gpu(plan),
        ),
        disturbed=False,
    )


def without_folders(text: str, subjects: Sequence[Subject]) -> str:
    """What a runtime says, without the folders of what it runs, and without the user's name: records are shared."""
    own = {folder for subject in subjects for folder in (subject.path.absolute().parent, subject.path.resolve().parent)}
    for folder in sorted(map(str, own), key=len, reverse=True):
        text = re.sub(_BEGINS + re.escape(folder + os.sep), "", text)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    return re.sub(_BEGINS + re.escape(home) + r"\b", "~", text) if Path(home).name else text


def _gpu(plan: BenchPlan | ComparisonPlan) -> GpuState | None:
    return read_gpu(plan.options.device_index) if plan.device is Device.CUDA else None
