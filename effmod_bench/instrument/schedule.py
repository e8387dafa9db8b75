"""In which order the rounds of a run are made, and which of them are still to come."""

import random
import secrets
from collections.abc import Sequence

import msgspec

from effmod_bench.instrument.clock import utc_now
from results import BenchPlan, Outcome, Round, TimedArtifact


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One round to come; `attempt` counts those that failed, and `plan` is the one that it is a part of."""

    subject: int
    index: int
    runs: int
    plan: BenchPlan
    attempt: int = 0


def ways(plan: BenchPlan) -> tuple[BenchPlan, ...]:
    """In how many ways each artifact is timed: as asked, and as usual where what was asked is seen beside that alone.

    A process takes subnormal numbers for zero, or it does not, so that the two never share one.
    """
    if not plan.options.denormal_as_zero:
        return (plan,)
    usual = msgspec.structs.replace(plan.options, denormal_as_zero=False)
    return msgspec.structs.replace(plan, options=usual), plan


def schedule(plan: BenchPlan, subjects: int) -> list[Turn]:
    """The rounds of all subjects, each way: each index once for everyone, in an order drawn from the plan's seed.

    So slow changes of the machine meet every subject alike.
    """
    every = [(subject, each) for subject in range(subjects) for each in ways(plan)]
    rounds = min(plan.rounds, plan.runs)
    order = random.Random(plan.seed)
    turns = []
    for index in range(rounds):
        runs = plan.runs // rounds + (index < plan.runs % rounds)
        in_turn = [*every]
        order.shuffle(in_turn)
        turns += [Turn(subject=subject, index=index, runs=runs, plan=each) for subject, each in in_turn]
    return turns


def missing(plan: BenchPlan, artifacts: Sequence[TimedArtifact], earlier: Sequence[Round]) -> list[Turn]:
    """The rounds of a run that are still to come, or to be repeated since they failed."""
    last = {
        (record.artifact, record.plan.options, record.index): record
        for record in sorted(earlier, key=lambda record: record.attempt)
    }
    turns = []
    for turn in schedule(plan, len(artifacts)):
        before = last.get((artifacts[turn.subject], turn.plan.options, turn.index))
        if before is None:
            turns.append(turn)
        elif before.outcome is Outcome.FAILED:
            turns.append(msgspec.structs.replace(turn, attempt=before.attempt + 1))
    return turns


def new_run_id() -> str:
    """Runs sort by their ids in the order in which they began."""
    return f"{utc_now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
