"""In which order the rounds of a run are made, and which of them are still to come."""

import random
import secrets
from collections.abc import Sequence

import msgspec

from effmod_bench.instrument.clock import utc_now
from results import BenchPlan, Outcome, Round, TimedArtifact


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One round to come; `attempt` counts those that failed."""

    subject: int
    index: int
    runs: int
    attempt: int = 0


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


def new_run_id() -> str:
    """Runs sort by their ids in the order in which they began."""
    return f"{utc_now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
