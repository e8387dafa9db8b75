"""In which order the rounds of a run are made, and which of them are still to come."""

import random
import re
import secrets
from collections.abc import Sequence

import msgspec

from effmod_bench.instrument.clock import utc_now
from results import BenchPlan, Outcome, Round, RuntimeOptions, TimedArtifact
from results.statistics.attempts import settled


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One round to come.

    Attributes:
        plan: the one that it is a part of.
        attempt: how many before it failed.
        way: what tells its plan from the others of the run, for the record's name; empty where there is one.
    """

    subject: int
    index: int
    runs: int
    plan: BenchPlan
    attempt: int = 0
    way: str = ""


def ways(plan: BenchPlan, threads: Sequence[int] = ()) -> dict[str, BenchPlan]:
    """The ways in which each artifact is timed, by what tells them apart in a record's name.

    They are one for each number of threads; and as usual before as asked, where what was asked is seen beside that
    alone: a process takes subnormal numbers for zero, or it does not, so that the two never share one.

    Args:
        threads: several numbers, to be timed one by one; empty for the plan's alone.
    """
    found = {f"-threads-{count}": msgspec.structs.replace(plan, threads=count) for count in threads} or {"": plan}
    if not plan.options.denormal_as_zero:
        return found
    usual = msgspec.structs.replace(plan.options, denormal_as_zero=False)
    return {
        f"{way}{zero}": msgspec.structs.replace(each, options=options)
        for way, each in found.items()
        for zero, options in {"": usual, "-denormal-as-zero": plan.options}.items()
    }


def way_of(plan: BenchPlan, threads: Sequence[int] = ()) -> tuple[RuntimeOptions, int | None]:
    """What the rounds of one way have in common, and those of another have not.

    Args:
        threads: as of `ways`.
    """
    return plan.options, plan.threads if threads else None


def schedule(plan: BenchPlan, subjects: int, *, threads: Sequence[int] = ()) -> list[Turn]:
    """The rounds of all subjects, each way: each index once for everyone, in an order drawn from the plan's seed.

    So slow changes of the machine meet every subject alike.

    Args:
        threads: as of `ways`.
    """
    every = [(subject, *each) for subject in range(subjects) for each in ways(plan, threads).items()]
    rounds = min(plan.rounds, plan.runs)
    order = random.Random(plan.seed)
    turns = []
    for index in range(rounds):
        runs = plan.runs // rounds + (index < plan.runs % rounds)
        in_turn = [*every]
        order.shuffle(in_turn)
        turns += [Turn(subject=subject, index=index, runs=runs, plan=each, way=way) for subject, way, each in in_turn]
    return turns


def missing(
    plan: BenchPlan, artifacts: Sequence[TimedArtifact], earlier: Sequence[Round], *, threads: Sequence[int] = ()
) -> list[Turn]:
    """The rounds of a run that are still to come, or to be repeated since they failed.

    Args:
        threads: as of `ways`.
    """
    if earlier:
        earlier = settled(earlier, [(earlier[0].run_id, artifact) for artifact in artifacts])
    last = {
        (record.artifact, way_of(record.plan, threads), record.index): record
        for record in sorted(earlier, key=lambda record: record.attempt)
    }
    turns = []
    for turn in schedule(plan, len(artifacts), threads=threads):
        before = last.get((artifacts[turn.subject], way_of(turn.plan, threads), turn.index))
        if before is None:
            turns.append(turn)
        elif before.outcome is Outcome.FAILED:
            turns.append(msgspec.structs.replace(turn, attempt=before.attempt + 1))
    return turns


def slug_of(name: str) -> str:
    """A name as a part of a file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]


def at(place: str | None) -> str:
    """What tells the records of one place from those of another, in their names; empty for this machine."""
    return f"-at-{slug_of(place)}" if place else ""


def new_run_id() -> str:
    """Runs sort by their ids in the order in which they began."""
    return f"{utc_now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
