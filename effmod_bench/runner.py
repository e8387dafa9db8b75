"""A run: every artifact's rounds, interleaved, each on disk before the next begins."""

import os
import random
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from effmod_bench.environment import available_cores, conditions_since, load_average, read_moment
from effmod_bench.gpu import read_gpu
from effmod_bench.isolation import run_job
from effmod_bench.pair import PairTimed
from effmod_bench.sessions import SessionRequest
from effmod_bench.timing import disturbance, read_clocks, utc_now
from effmod_bench.worker import Broken, Job, Timed
from models import Preprocessing
from results import (
    BenchPlan,
    ComparisonPlan,
    Device,
    Environment,
    GpuState,
    Machine,
    Outcome,
    Round,
    Runtime,
    Store,
    TimedArtifact,
)
from results.tables.words import labels

PAPER_THREADS = 4

# Before a network's first round, its time is guessed: seconds a multiply-add on a core, by a runtime that was seen to
# be about so fast, and seconds to start and load.
_GUESSED_RUNTIMES = (Runtime.ONNXRUNTIME, Runtime.OPENVINO)
_GUESSED_S_PER_MAC = 1 / 40e9
GUESSED_START_S = 1.0

# Where a path may begin in a text.
_BEGINS = r"(?<![\w.~/\\-])"

# How often a process is repeated at once where the machine was suspended, or its clock set, in the midst of it.
_REPEATS = 2


class FileStamp(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that a file is no longer the one that was hashed; None for one that is not there."""

    path: Path
    size_bytes: int | None
    modified_ns: int | None


def stamp(*files: Path) -> tuple[FileStamp, ...]:
    """What the files look like now."""
    found = []
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            found.append(FileStamp(path=path, size_bytes=None, modified_ns=None))
        else:
            found.append(FileStamp(path=path, size_bytes=stat.st_size, modified_ns=stat.st_mtime_ns))
    return tuple(found)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A file to time, and what the record says of it.

    Attributes:
        stamps: of every file that the record's hash is of, taken before they were hashed.
    """

    path: Path
    artifact: TimedArtifact
    preprocessing: Preprocessing
    stamps: tuple[FileStamp, ...]

    @property
    def address(self) -> str:
        """Where a worker finds it. A link stays one: what was checked and hashed are the weights beside the link."""
        return os.fspath(self.path.absolute())

    def has_changed(self) -> bool:
        """Whether a file is no longer the one whose hash is recorded."""
        return stamp(*(before.path for before in self.stamps)) != self.stamps


class Progress(Protocol):
    """Who is told how a run goes."""

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        """The round of `name` goes on; `left_s` is about how many seconds the run still takes."""
        ...


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


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One round to come; `attempt` counts those that failed."""

    subject: int
    index: int
    runs: int
    attempt: int = 0


def threads_to_use(plan: BenchPlan | ComparisonPlan) -> int | None:
    """What was asked, or the paper's 4, or as many as there are cores where there are fewer; None for Core ML."""
    if plan.device is Device.COREML:
        return None
    return plan.threads if plan.threads is not None else min(PAPER_THREADS, available_cores())


def schedule(plan: BenchPlan, subjects: int) -> list[Turn]:
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
        turns += [Turn(subject=subject, index=index, runs=runs) for subject in indices]
    return turns


def missing(plan: BenchPlan, artifacts: Sequence[TimedArtifact], earlier: Sequence[Round]) -> list[Turn]:
    """The rounds of a run that are still to come, or to be repeated since they failed."""
    last = {(record.artifact, record.index): record for record in sorted(earlier, key=lambda record: record.attempt)}
    turns = []
    for turn in schedule(plan, len(artifacts)):
        before = last.get((artifacts[turn.subject], turn.index))
        if before is None:
            turns.append(turn)
        elif before.outcome is Outcome.FAILED:
            turns.append(msgspec.structs.replace(turn, attempt=before.attempt + 1))
    return turns


def guess_run_s(plan: BenchPlan | ComparisonPlan, macs: int | None) -> float | None:
    """About how long an inference takes that nobody has seen.

    None for a file of which nothing is known, and on a GPU or by another runtime: a CPU's speed says nothing of these.
    """
    if plan.device is not Device.CPU or plan.options.runtime not in _GUESSED_RUNTIMES:
        return None
    cores = min(threads_to_use(plan) or PAPER_THREADS, available_cores())
    return macs * _GUESSED_S_PER_MAC / cores if macs else None


class Timeline:
    """Where a run is, and how long it will still take: guessed from the multiply-adds, then from what was seen."""

    def __init__(self, plan: BenchPlan, macs: Sequence[int | None], turns: Sequence[Turn] | None = None) -> None:
        self.turns = schedule(plan, len(macs)) if turns is None else turns
        self.now = 0
        self._warmup_runs = plan.warmup_runs
        self._clocks = 2 if plan.device is Device.CUDA else 1  # the host's, then the GPU's own
        self._run_s = [guess_run_s(plan, m) for m in macs]

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

    def _round_s(self, turn: Turn) -> float | None:
        run_s = self._run_s[turn.subject]
        return None if run_s is None else GUESSED_START_S + run_s * (turn.runs * self._clocks + self._warmup_runs)


def run(
    run_id: str,
    plan: BenchPlan,
    subjects: Sequence[Subject],
    machine: Machine,
    store: Store,
    progress: Progress,
    *,
    on_record: Callable[[Round], None],
    earlier: Sequence[Round] = (),
    round_timeout_s: float | None = None,
) -> None:
    """Carry out a plan. Each record is on disk, and `on_record` has been told, before the next round begins.

    A round in which the machine was suspended, or its clock set, failed, and is repeated at once.

    Args:
        earlier: the rounds of this run that are stored already; what they have is not measured again.
        round_timeout_s: what a round may take; None for a generous multiple of what it should take.

    Raises:
        StoreError: a record could not be written; the run stops there.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    turns = missing(plan, [subject.artifact for subject in subjects], earlier)
    timeline = Timeline(plan, [subject.artifact.macs for subject in subjects], turns)
    names = labels([subject.artifact for subject in subjects])
    for number, turn in enumerate(turns):
        timeline.now = number
        subject = subjects[turn.subject]

        def tick(elapsed_s: float, name: str = names[turn.subject]) -> None:
            progress.show(name, timeline.done(elapsed_s), len(turns), timeline.left_s(elapsed_s))

        job = Job(
            session=SessionRequest(
                path=subject.address,
                sha256=subject.artifact.sha256,
                device=plan.device,
                options=plan.options,
                intra_op_num_threads=threads_to_use(plan) or 0,
            ),
            inputs=subject.artifact.inputs,
            warmup_runs=plan.warmup_runs,
            runs=turn.runs,
            mean=subject.preprocessing.mean,
            std=subject.preprocessing.std,
        )

        def start(job: Job = job, tick: Callable[[float], None] = tick) -> Timed | Broken:
            return run_job(
                job, on_warm=lambda warm: timeline.saw(warm.expected_ns), tick=tick, timeout_s=round_timeout_s
            )

        attempts = watch(start, plan, [subject], machine, what="round", tick=tick)
        for attempt, watched in enumerate(attempts, turn.attempt):
            outcome = watched.outcome
            if isinstance(outcome, Timed):
                timeline.saw(sum(outcome.durations_ns) / len(outcome.durations_ns))
            record = _record(plan, subject, run_id, msgspec.structs.replace(turn, attempt=attempt), watched)
            store.write(record)
            on_record(record)


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


def without_folders(text: str, subjects: Sequence[Subject]) -> str:
    """What a runtime says, without the folders of what it runs, and without the user's name: records are shared."""
    own = {folder for subject in subjects for folder in (subject.path.absolute().parent, subject.path.resolve().parent)}
    for folder in sorted(map(str, own), key=len, reverse=True):
        text = re.sub(_BEGINS + re.escape(folder + os.sep), "", text)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    return re.sub(_BEGINS + re.escape(home) + r"\b", "~", text) if Path(home).name else text


def _gpu(plan: BenchPlan | ComparisonPlan) -> GpuState | None:
    return read_gpu(plan.options.device_index) if plan.device is Device.CUDA else None


def new_run_id() -> str:
    """Runs sort by their ids in the order in which they began."""
    return f"{utc_now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _record(
    plan: BenchPlan,
    subject: Subject,
    run_id: str,
    turn: Turn,
    watched: Watched[Timed],
) -> Round:
    artifact, outcome = subject.artifact, watched.outcome
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", artifact.name)[:80]
    timed = outcome if isinstance(outcome, Timed) else None
    again = f"-attempt-{turn.attempt}" if turn.attempt else ""
    return Round(
        id=f"{run_id}-{turn.subject}-{slug}-{turn.index}{again}",
        run_id=run_id,
        index=turn.index,
        attempt=turn.attempt,
        started_at=watched.started_at,
        plan=plan,
        environment=watched.environment,
        artifact=artifact,
        outcome=Outcome.OK if timed else Outcome.FAILED,
        failure=outcome.reason if isinstance(outcome, Broken) else None,
        load_ns=timed.load_ns if timed else None,
        first_inference_ns=timed.first_inference_ns if timed else None,
        warmup_runs=timed.warmup_runs if timed else None,
        steady=timed.steady if timed else None,
        durations_ns=timed.durations_ns if timed else (),
        gpu_durations_ns=timed.gpu_durations_ns if timed else None,
        peak_memory_bytes=timed.peak_memory_bytes if timed else None,
    )
