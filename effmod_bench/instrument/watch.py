"""What the machine did while a process ran, and whether that spoils what it measured."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from effmod_bench.instrument.clock import disturbance, read_clocks, utc_now
from effmod_bench.instrument.machine.conditions import conditions_since, load_average, read_moment
from effmod_bench.instrument.machine.gpu import read_gpu
from effmod_bench.instrument.process.messages import Broken, Job, PairJob, PairTimed, Profiled, ProfileJob, Timed
from effmod_bench.instrument.sessions.session import SessionRequest
from effmod_bench.instrument.subject import FileStamp, has_changed
from results import Device, Environment, GpuState, Machine

# Where a path may begin in a text.
_BEGINS = r"(?<![\w.~/\\-])"

# How often a process is repeated at once where something that is none of its own doing befell it.
_REPEATS = 2


T = TypeVar("T", Timed, PairTimed, Profiled)


class Watched(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a process came to, and what the machine did meanwhile.

    Attributes:
        started_at: UTC, ISO 8601.
        disturbed: it is worth another try: the machine was suspended, or its clock set, or it could not be reached any
            more; the outcome says so.
    """

    started_at: str
    outcome: T | Broken
    environment: Environment
    disturbed: bool


def attempts(time_once: Callable[[], Watched[T]], tick: Callable[[float], None]) -> Iterator[Watched[T]]:
    """Run a process, and again at once where it was disturbed. It gives each of these attempts before the next begins.

    Args:
        tick: told 0 seconds when an attempt begins.
    """
    for _ in range(1 + _REPEATS):
        tick(0.0)
        watched = time_once()
        yield watched
        if not watched.disturbed:
            break


def watch_once(
    start: Callable[[], T | Broken],
    job: Job | PairJob | ProfileJob,
    files: Mapping[Path, tuple[FileStamp, ...]],
    machine: Machine,
    *,
    what: str,
) -> Watched[T]:
    """Run a process, and note what the machine did meanwhile. It is not started for a file that is another one now.

    Args:
        start: runs the process to its end.
        job: that it does.
        files: that are timed, each with what it looked like when it was hashed.
        what: it is, in words.
    """
    request = request_of(job)
    began, load, gpu = utc_now(), load_average(), gpu_of(request)
    before, clocks = read_moment(), read_clocks()
    changed = [path.name for path, stamps in files.items() if has_changed(stamps)]
    refused = Broken(reason=f"{changed[0]} was changed or deleted during the run", detail="") if changed else None
    outcome = refused or start()
    disturbed = None if isinstance(outcome, Broken) else disturbance(clocks, read_clocks())
    if disturbed is not None:
        outcome = Broken(reason=f"{disturbed} during the {what}", detail="")
    if isinstance(outcome, Broken):
        outcome = Broken(reason=without_folders(outcome.reason, files), detail=outcome.detail)
    environment = Environment(
        machine=machine,
        threads=request.intra_op_num_threads or None,
        session=None if isinstance(outcome, Broken) else outcome.session,
        load_average=load,
        conditions=conditions_since(before),
        gpu_before=gpu,
        gpu_after=gpu_of(request),
    )
    return Watched(
        started_at=began.isoformat(timespec="milliseconds"),
        outcome=outcome,
        environment=environment,
        disturbed=disturbed is not None,
    )


def not_begun(environment: Environment, reason: str) -> Watched[Timed]:
    """What stands in the place of a process that was not started."""
    return Watched(
        started_at=utc_now().isoformat(timespec="milliseconds"),
        outcome=Broken(reason=reason, detail=""),
        environment=environment,
        disturbed=False,
    )


def request_of(job: Job | PairJob | ProfileJob) -> SessionRequest:
    """What is asked of the runtime; of a pair, for the baseline: device and threads are the same for both."""
    return job.members["A"].session if isinstance(job, PairJob) else job.session


def without_folders(text: str, files: Iterable[Path]) -> str:
    """What a runtime says, without the folders of what it runs, and without the user's name: records are shared."""
    own = {folder for path in files for folder in (path.absolute().parent, path.resolve().parent)}
    for folder in sorted(map(str, own), key=len, reverse=True):
        text = re.sub(_BEGINS + re.escape(folder + os.sep), "", text)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    return re.sub(_BEGINS + re.escape(home) + r"\b", "~", text) if Path(home).name else text


def gpu_of(request: SessionRequest) -> GpuState | None:
    """What the driver says of the GPU that is asked for; None on other devices."""
    return read_gpu(request.options.device_index) if request.device is Device.CUDA else None
