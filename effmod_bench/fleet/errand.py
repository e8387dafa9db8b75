"""What a process on another machine does with a job: it is timed there, as it is here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effmod_bench.fleet.messages import Errand, Watched
from effmod_bench.instrument.place import WHAT, do
from effmod_bench.instrument.subject import FileStamp
from effmod_bench.instrument.watch import watch_once
from results import Machine


def time_errand(errand: Errand, seen: Mapping[str, tuple[FileStamp, ...]], machine: Machine) -> Watched:
    """Time a job in a process of its own; in two, where the runtimes of a pair cannot share one.

    Args:
        seen: by folder, how its files looked when their hashes were seen to be right.
    """
    job = errand.job

    def start() -> Any:
        return do(job, on_warm=lambda _: None, tick=lambda _: None, timeout_s=errand.timeout_s)

    watched = watch_once(
        start,
        job,
        {Path(path): seen[folder] for path, folder in errand.folders.items()},
        machine,
        what=WHAT[type(job)],
    )
    return Watched(outcome=watched.outcome, environment=watched.environment, disturbed=watched.disturbed)
