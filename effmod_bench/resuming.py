"""Runs that were cut short: what they were to do, and what is missing."""

import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.names import is_file
from exporters import PRETRAINED
from results import BenchPlan, ComparisonPlan, ComparisonProcess, Record, Round, Store, TimedArtifact

R = TypeVar("R", Round, ComparisonProcess)


class Command(StrEnum):
    """What can be resumed."""

    BENCH = "bench"
    COMPARE = "compare"


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """What every target of a run is timed in turn with.

    Attributes:
        target: a network or a file, as the user gave it.
        plan: of the pairs.
    """

    target: str
    plan: ComparisonPlan


class RunPlan(Record, frozen=True, kw_only=True, tag="run"):
    """One invocation of `effmod bench` or `compare`, stored before it exports, so that it can be resumed at any moment.

    It is stored again when its artifacts are known. Unlike a round it names files as the user gave them: they are
    needed again.

    Attributes:
        id: that of the run.
        targets, choices, input_shapes: what the artifacts are obtained from.
        batch_sizes: of a sweep; empty for that of `choices` alone.
        artifacts: what they were, in the order of the rounds' ids: another file would be another measurement. Empty
            until they are known; nothing is measured before.
        anchor, anchor_artifact: None for a run without pairs; another anchor's file would be another ratio.
        table: of the paper, that the targets stand in.
        compared: what `effmod compare` was to do; None for `effmod bench`.
        fail_if_slower: of `effmod compare`.
    """

    targets: tuple[str, ...]
    plan: BenchPlan
    choices: ExportChoices
    input_shapes: tuple[tuple[str | None, tuple[int, ...]], ...]
    artifacts: tuple[TimedArtifact, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    anchor: Anchor | None = None
    anchor_artifact: TimedArtifact | None = None
    table: str | None = None
    compared: ComparisonPlan | None = None
    fail_if_slower: float | None = None

    @property
    def command(self) -> Command:
        return Command.BENCH if self.compared is None else Command.COMPARE

    def resume_command(self, store: Path) -> str:
        """What a user enters to go on with it."""
        return shlex.join(["effmod", self.command, "--resume", self.id, "--store", str(store)])


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
        elif ".py:" in target:
            yield Path(target.rpartition(":")[0])
    checkpoint = run.choices.checkpoint
    if checkpoint is not None and checkpoint != PRETRAINED:
        yield checkpoint


def check_same(run: RunPlan, artifacts: Sequence[TimedArtifact], anchor: TimedArtifact | None = None) -> None:
    """Refuse to go on with other files than a run began with.

    Raises:
        TargetError: one of them is another file now.
    """
    if len(artifacts) != len(run.artifacts):
        raise TargetError(
            f"run {run.id} timed {len(run.artifacts)} artifacts, and its targets stand for {len(artifacts)} now; "
            "begin a new run, without --resume"
        )
    for before, now in zip((*run.artifacts, run.anchor_artifact), (*artifacts, anchor), strict=True):
        if before is not None and now is not None and before != now:
            raise TargetError(
                f"{now.name} is not what run {run.id} timed (sha256 {before.sha256[:12]} then, {now.sha256[:12]} now), "
                "and another file is another measurement: bring the old one back, or begin a new run, without --resume"
            )
