"""Comparisons that are made again and again, each process on disk before the next: what scripts of trials share."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.estimate import guess_s
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.pairs import missing, run
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.subject import Subject
from effmod_bench.screen.console import Console
from effmod_bench.screen.progress import in_words
from results import Comparison, ComparisonPlan, ComparisonProcess, Machine, Store, compare

T = TypeVar("T")


class Silence:
    """Nobody watches."""

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        pass


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison to make.

    Attributes:
        subjects: the baseline and the candidate, or one alone, which is compared with itself.
    """

    label: str
    subjects: tuple[Subject, ...]
    plan: ComparisonPlan

    def among(self, records: Sequence[ComparisonProcess]) -> list[ComparisonProcess]:
        """Its own processes: no other trial of the two files has the same plan, since each has a seed of its own."""
        own = (self.plan, self.subjects[0].artifact, self.subjects[-1].artifact)
        return [record for record in records if (record.plan, record.baseline, record.candidate) == own]


def threads_in_words(threads: int | None) -> str:
    return f"{threads} thread{'s' * (threads != 1)}"


def carry_out(trials: Sequence[Trial], store: Store) -> None:
    """Measure what the store lacks, and say first how long that takes. Killed, it goes on when it is run again."""
    store.check_writable()
    stored = store.read_kind(ComparisonProcess)
    to_do, about_s = [], 0.0
    for trial in trials:
        earlier = trial.among(stored)
        if processes := missing(trial.plan, len(trial.subjects), earlier):
            to_do.append((f"{threads_in_words(trial.plan.threads)}, {trial.label}", (trial, earlier)))
            macs = (trial.subjects[0].artifact.macs, trial.subjects[-1].artifact.macs)
            about_s += (guess_s(trial.plan, macs) or 0.0) * processes / trial.plan.processes
    time = f", {in_words(about_s)}" if about_s else ""
    print(f"{len(to_do)} of {len(trials)} comparisons to do{time}; records go to {store.path}", flush=True)
    machine = read_machine()
    for trial, earlier in announced(to_do):
        _carry_out(trial, machine, store, earlier)


def announced(named: Sequence[tuple[str, T]]) -> Iterator[T]:
    """Each trial, when standard error has said its name, which of all it is, and how long they may still take."""
    began = monotonic_s()
    with Console().progress("trials", unit="trial") as progress:
        for done, (name, trial) in enumerate(named):
            left_s = (monotonic_s() - began) / done * (len(named) - done) if done else None
            progress.show(name, done, len(named), left_s)
            yield trial


def _carry_out(trial: Trial, machine: Machine, store: Store, earlier: Sequence[ComparisonProcess]) -> None:
    run(
        earlier[0].run_id if earlier else new_run_id(),
        trial.plan,
        trial.subjects,
        Here(machine),
        store,
        Silence(),
        on_record=lambda _: None,
        earlier=earlier,
    )


def finished(trials: Sequence[Trial], store: Store) -> list[tuple[Trial, Comparison]]:
    """Each trial that is whole, by itself: of no other one in the store does its interval learn.

    Raises:
        RuntimeError: one has no ratio, since its processes failed.
    """
    stored, found = store.read_kind(ComparisonProcess), []
    for trial in trials:
        own = trial.among(stored)
        if missing(trial.plan, len(trial.subjects), own):
            continue
        (comparison,) = compare(own)
        if comparison.estimate is None:
            failed = "; ".join(dict.fromkeys(comparison.failures))
            raise RuntimeError(f"{trial.label}: {failed}; run it again to repeat what failed")
        found.append((trial, comparison))
    return found


def write_csv(found: Sequence[tuple[Trial, Comparison]], path: Path) -> None:
    """A row for each trial, with the ratio of each of its processes: another interval can be computed from these."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trials", "threads", "ratio", "low", "high", "half_width", "verdict", "marked", "ratios"])
        for trial, comparison in found:
            e = comparison.estimate
            assert e is not None
            ratios = " ".join(f"{ratio:.6f}" for ratio in comparison.process_ratios)
            marked = is_marked(comparison)
            row = [e.ratio, e.low, e.high, e.half_width, comparison.verdict, "yes" if marked else "no", ratios]
            writer.writerow([trial.label, trial.plan.threads, *row])


def is_marked(comparison: Comparison) -> bool:
    """Whether a warning says of its processes that the interval is not to be trusted."""
    return bool({"processes-depend", "ratio-bimodal"} & set(comparison.warnings))
