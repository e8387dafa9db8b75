"""A run: every artifact's rounds, interleaved, each on disk before the next begins."""

import os
import random
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from effmod_bench.environment import available_cores, load_average
from effmod_bench.gpu import read_gpu
from effmod_bench.isolation import run_job
from effmod_bench.sessions import SessionRequest
from effmod_bench.timing import utc_now
from effmod_bench.worker import Broken, Job, Timed
from models import Preprocessing
from results import BenchPlan, Device, Environment, GpuState, Machine, Outcome, Round, Store, TimedArtifact

PAPER_THREADS = 4

# Before a network's first round, its time is guessed: seconds a multiply-add, and seconds to start and load.
_GUESSED_S_PER_MAC = 1 / 40e9
_GUESSED_START_S = 1.0


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A file to time, and what the record says of it."""

    path: Path
    artifact: TimedArtifact
    preprocessing: Preprocessing


class Progress(Protocol):
    """Who is told how a run goes."""

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        """The round of `name` goes on; `left_s` is about how many seconds the run still takes."""
        ...


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One round to come."""

    subject: int
    index: int
    runs: int


def threads_to_use(plan: BenchPlan) -> int:
    """What was asked, or the paper's 4, or as many as there are cores where there are fewer."""
    return plan.threads if plan.threads is not None else min(PAPER_THREADS, available_cores())


def schedule(plan: BenchPlan, subjects: int) -> list[_Turn]:
    """The rounds of all subjects: each index once for everyone, in an order drawn from the plan's seed.

    So slow changes of the machine meet every subject alike.
    """
    rounds = min(plan.rounds, plan.runs)
    order = random.Random(plan.seed)
    turns = []
    for index in range(rounds):
        runs = plan.runs // rounds + (index < plan.runs % rounds)
        indices = list(range(subjects))
        order.shuffle(indices)
        turns += [_Turn(subject=subject, index=index, runs=runs) for subject in indices]
    return turns


class Timeline:
    """Where a run is, and how long it will still take: guessed from the multiply-adds, then from what was seen."""

    def __init__(self, plan: BenchPlan, macs: Sequence[int | None]) -> None:
        self.turns = schedule(plan, len(macs))
        self.now = 0
        self._warmup_runs = plan.warmup_runs
        cores = min(threads_to_use(plan), available_cores())
        self._run_s = [m * _GUESSED_S_PER_MAC / cores if m else None for m in macs]

    def saw(self, run_ns: float) -> None:
        """One run of the artifact whose turn it is takes `run_ns`."""
        self._run_s[self.turns[self.now].subject] = run_ns / 1e9

    def done(self, elapsed_s: float) -> float:
        """Rounds that are done, when the present one began `elapsed_s` ago."""
        expected = self._round_s(self.turns[self.now])
        return self.now + (min(elapsed_s / expected, 0.99) if expected else 0.0)

    def left_s(self, elapsed_s: float = 0.0) -> float | None:
        """Seconds to the end of the run; None while a file is ahead of which nothing is known."""
        present, *ahead = (self._round_s(turn) for turn in self.turns[self.now :])
        if present is None or None in ahead:
            return None
        return max(0.0, present - elapsed_s) + sum(seconds for seconds in ahead if seconds is not None)

    def _round_s(self, turn: _Turn) -> float | None:
        run_s = self._run_s[turn.subject]
        return None if run_s is None else _GUESSED_START_S + run_s * (turn.runs + self._warmup_runs)


def run(
    plan: BenchPlan,
    subjects: Sequence[Subject],
    machine: Machine,
    store: Store,
    progress: Progress,
    *,
    on_record: Callable[[Round], None],
) -> None:
    """Carry out a plan. Each record is on disk, and `on_record` has been told, before the next round begins.

    Raises:
        StoreError: a record could not be written; the run stops there.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    run_id = f"{utc_now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    timeline = Timeline(plan, [subject.artifact.macs for subject in subjects])
    stamps = [_stamp(subject.path) for subject in subjects]
    for number, turn in enumerate(timeline.turns):
        timeline.now = number
        subject = subjects[turn.subject]

        def tick(elapsed_s: float, name: str = subject.artifact.name) -> None:
            progress.show(name, timeline.done(elapsed_s), len(timeline.turns), timeline.left_s(elapsed_s))

        tick(0.0)
        began, load, gpu = utc_now(), load_average(), _gpu(plan)
        job = Job(
            session=SessionRequest(
                path=os.fspath(subject.path.resolve()),
                device=plan.device,
                options=plan.options,
                intra_op_num_threads=threads_to_use(plan),
            ),
            inputs=subject.artifact.inputs,
            warmup_runs=plan.warmup_runs,
            runs=turn.runs,
            mean=subject.preprocessing.mean,
            std=subject.preprocessing.std,
        )
        outcome: Timed | Broken
        if _stamp(subject.path) == stamps[turn.subject]:
            outcome = run_job(job, on_warm=lambda warm: timeline.saw(warm.expected_ns), tick=tick)
        else:
            outcome = Broken(reason=f"{subject.path.name} was changed or deleted during the run", detail="")
        if isinstance(outcome, Timed):
            timeline.saw(sum(outcome.durations_ns) / len(outcome.durations_ns))
        record = _record(plan, subject, machine, load, (gpu, _gpu(plan)), run_id, turn, began, outcome)
        store.write(record)
        on_record(record)


def _gpu(plan: BenchPlan) -> GpuState | None:
    return read_gpu(plan.options.device_index) if plan.device is Device.CUDA else None


def _stamp(path: Path) -> tuple[int, int] | None:
    """What shows that a file is no longer the one whose hash is recorded: its size and time of change."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _record(
    plan: BenchPlan,
    subject: Subject,
    machine: Machine,
    load: float | None,
    gpu: tuple[GpuState | None, GpuState | None],
    run_id: str,
    turn: _Turn,
    began: datetime,
    outcome: Timed | Broken,
) -> Round:
    artifact = subject.artifact
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", artifact.name)[:80]
    timed = outcome if isinstance(outcome, Timed) else None
    return Round(
        id=f"{run_id}-{turn.subject}-{slug}-{turn.index}",
        run_id=run_id,
        index=turn.index,
        started_at=began.isoformat(timespec="milliseconds"),
        plan=plan,
        environment=Environment(
            machine=machine,
            threads=threads_to_use(plan),
            session=timed.session if timed else None,
            load_average=load,
            gpu_before=gpu[0],
            gpu_after=gpu[1],
        ),
        artifact=artifact,
        outcome=Outcome.OK if timed else Outcome.FAILED,
        failure=outcome.reason if isinstance(outcome, Broken) else None,
        load_ns=timed.load_ns if timed else None,
        first_inference_ns=timed.first_inference_ns if timed else None,
        durations_ns=timed.durations_ns if timed else (),
        peak_memory_bytes=timed.peak_memory_bytes if timed else None,
    )
