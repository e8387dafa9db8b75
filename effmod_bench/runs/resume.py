"""Runs that were cut short: which there are, and what is missing of one."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from effmod_bench.errors import TargetError
from effmod_bench.isolation.limit import allow
from effmod_bench.options.places import Elsewhere
from effmod_bench.options.protocol import Limits, run_to_resume
from effmod_bench.runs.plan import Command, Invocation, RunPlan
from effmod_bench.runs.where import HERE, check_places, with_places
from effmod_bench.screen.console import Console
from effmod_bench.targets.names import is_file
from exporters import PRETRAINED, RANDOM
from models.zoo.named import split
from models.zoo.spec import is_function
from results import AccuracyRecord, ComparisonProcess, Round, StatedAccuracy, Store, StoreError
from results.records.accuracy import ACCURACY_NAME
from results.statistics.timed import Pool, TimedPair

R = TypeVar("R", Round, ComparisonProcess)


def invoke(
    command: Command,
    limits: Limits,
    store: Path,
    targets: Sequence[str] | None,
    written: Sequence[str],
    *,
    begin: Callable[[], RunPlan],
    elsewhere: Elsewhere = HERE,
    say: Callable[[str], None] = lambda _: None,
) -> Invocation:
    """What a command is to do: a new run, or what is missing or failed in one of the store.

    Args:
        targets: as the user gave them; with --resume the run to go on with, none for the latest of the command.
        written: the options that he wrote.
        begin: a new run, as the options ask for it.
        elsewhere: where it measures.
        say: told what the user should hear.

    Raises:
        DeviceUnavailableError: what reaches it is not installed, or it cannot be reached.
        TargetError: options contradict each other; or there is no such run, or it names files that are not there as
            seen from this folder.
        StoreError: the store cannot be read.
    """
    allow(limits.timeout)
    elsewhere.check()
    records = Store(store)
    if limits.resume:
        run = find_run(records, run_to_resume(written, targets), command)
        check_folder(run, records)
    else:
        run = with_places(begin(), elsewhere, say)
    check_places(run, elsewhere)
    return Invocation(
        run=run,
        store=records,
        resumed=limits.resume,
        wait=not limits.no_wait,
        round_timeout_s=limits.round_timeout,
        elsewhere=elsewhere,
    )


def find_run(store: Store, run_id: str | None, command: Command) -> RunPlan:
    """What a run of the store was to do; None for the latest of its command.

    Raises:
        TargetError: there is no such run, or it is of the other command.
        StoreError: the store cannot be read.
    """
    every = store.read_kind(RunPlan)
    named = next((run for run in every if run.id == run_id), None)
    if named is not None and named.command is not command:
        raise TargetError(
            f"run {run_id} is of 'effmod {named.command}'; go on with it: {named.resume_command(store.path)}"
        )
    runs = [run for run in every if run.command is command]
    if not runs:
        raise TargetError(
            f"the store {store.path} holds no run of 'effmod {command}' to resume; repeat the command that was cut "
            "short, as it was"
        )
    if run_id is None:
        return runs[-1]
    if named is None:
        latest = ", ".join(run.id for run in runs[:-4:-1])
        raise TargetError(f"the store {store.path} holds no run {run_id!r}; the latest are {latest}")
    return named


def records_of(run: RunPlan, store: Store, kind: type[R]) -> list[R]:
    """What is stored of a run."""
    return [record for record in store.read_kind(kind) if record.run_id == run.id]


def at_place(records: Sequence[R], place: str | None) -> tuple[R, ...]:
    """Those that are one place's part of a run, wherever they were measured; None for this machine."""
    return tuple(record for record in records if record.environment.share == place)


def with_earlier(
    console: Console, pairs: Sequence[ComparisonProcess], store: Store
) -> list[ComparisonProcess | TimedPair]:
    """A run's pairs after those of runs before it, which tell how much a ratio differs from run to run.

    A damaged record says nothing here; `effmod show` names it. Where the store cannot be read, the run's own are left.
    """
    if not pairs:
        return []
    run_id, began = pairs[0].run_id, min(record.started_at for record in pairs)
    pool, earlier = Pool(), []
    try:
        for record in Store(store.path, on_damaged=lambda _: None).records(ComparisonProcess):
            if record.run_id != run_id and record.started_at < began:
                earlier.append((record.started_at, record.id, pool.timed_pair(record)))
    except StoreError as error:
        console.warn(f"earlier runs are left out of the intervals: {error}")
        return [*pairs]
    return [*(pair for *_, pair in sorted(earlier, key=lambda each: each[:2])), *pairs]


def accuracies_in(console: Console, store: Store) -> list[AccuracyRecord | StatedAccuracy]:
    """What a store holds of accuracies. A damaged record says nothing here; `effmod show` names it."""
    quiet = Store(store.path, on_damaged=lambda _: None)
    kinds: tuple[type[AccuracyRecord | StatedAccuracy], ...] = (AccuracyRecord, StatedAccuracy)
    try:
        return [*quiet.records(*kinds, names=f"*{ACCURACY_NAME}*")]
    except StoreError as error:
        console.warn(f"accuracies are left out: {error}")
        return []


def say_missing(console: Console, run: RunPlan, names: Sequence[str], to_do: Sequence[str]) -> None:
    """What a run that is resumed still has to do, if anything."""
    console.note(
        f"run {run.id} of {', '.join(dict.fromkeys(names))}: "
        + (f"{' and '.join(to_do)} to do" if to_do else "it is complete, and nothing is left to do")
    )


def check_folder(run: RunPlan, store: Store) -> None:
    """Refuse to go on in another folder than the one from which a run names its files.

    Raises:
        TargetError: there is no such file as seen from this folder.
    """
    for file in _files(run):
        if not file.is_absolute() and not file.exists():
            raise TargetError(
                f"run {run.id} names {file} relative to the folder in which it was begun, and seen from this one there "
                f"is no such file; go back there, and give --store {store.path.resolve()}"
            )


def _files(run: RunPlan) -> Iterator[Path]:
    """Every file that a run names, as the user gave it."""
    for target in (*run.targets, *([run.anchor.target] if run.anchor else [])):
        if is_file(target):
            yield Path(target)
        elif is_function(target):
            yield Path(split(target)[0].rpartition(":")[0])
    yield from run.given.files()
    for checkpoint in (run.choices.checkpoint, *(path for _, path in run.choices.checkpoints)):
        if checkpoint is not None and checkpoint not in (PRETRAINED, RANDOM):
            yield checkpoint
