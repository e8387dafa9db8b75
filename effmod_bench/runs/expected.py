"""How long a run takes elsewhere: told by what one node of a kind, or one board, has measured before."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median

import msgspec

from effmod_bench.fleet.draw import name_of
from effmod_bench.runs.plan import RunPlan
from results import Outcome, Round
from results.statistics.timed import TimedRound


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds of one kind tell of the next ones there.

    Attributes:
        run_s: of an inference, by the name of what was timed, its image size and its batch size.
        mac_s: of a multiply-add, in the middle of these.
        round_s: of a round besides its inferences: starting a process, and loading.
        warmup_runs: of a round, in the middle.
    """

    run_s: dict[tuple[str, int | None, int], float]
    mac_s: float | None
    round_s: float
    warmup_runs: float

    def of(self, name: str, image_size: int | None, batch_size: int, macs: int | None) -> float | None:
        """About how long an inference takes: as it was seen, or by its multiply-adds."""
        seen = self.run_s.get((name, image_size, batch_size))
        if seen is None and macs and self.mac_s is not None:
            return macs * self.mac_s
        return seen

    def rounds_s(self, run_s: float, *, runs: int, rounds: int) -> float:
        """So many inferences in so many processes."""
        return rounds * (self.round_s + self.warmup_runs * run_s) + runs * run_s


def kinds_of(run: RunPlan) -> dict[str, int]:
    """What a run measures on, kind by kind, and how many of each work at once; a board is one of its own kind."""
    if run.drawn is None:
        return dict.fromkeys(run.places, 1)
    return {name_of(kind): run.drawn.nodes for kind in run.drawn.kinds}


def pace_of(kind: str, run: RunPlan, rounds: Iterable[Round | TimedRound]) -> Pace | None:
    """What is known of a kind, from rounds that ran as those of a run are to; None where there are none.

    Rounds that were timed with another number of threads than is asked for tell nothing.
    """
    alike = [
        record
        for record in rounds
        if record.outcome is Outcome.OK
        and kind in (record.environment.kind, record.environment.place)
        and (record.plan.device, record.plan.options) == (run.plan.device, run.plan.options)
        and run.plan.threads in (None, record.environment.threads)
        and record.environment.conditions is not None
    ]
    if not alike:
        return None
    seen: dict[tuple[str, int | None, int], list[float]] = defaultdict(list)
    paces, besides = list[float](), list[float]()
    for record in alike:
        artifact, conditions = record.artifact, record.environment.conditions
        assert conditions is not None
        run_s = float(sum(record.durations_ns)) / len(record.durations_ns) / 1e9
        seen[artifact.name, artifact.image_size, artifact.batch_size].append(run_s)
        paces += [run_s / artifact.macs] if artifact.macs else []
        besides.append(conditions.elapsed_s - run_s * (len(record.durations_ns) + (record.warmup_runs or 0)))
    return Pace(
        run_s={timed: fmean(each) for timed, each in seen.items()},
        mac_s=median(paces) if paces else None,
        round_s=max(0.0, median(besides)),
        warmup_runs=max(run.plan.warmup_runs, median(record.warmup_runs or 0 for record in alike)),
    )


def slowest(times_s: Sequence[float | None]) -> float | None:
    """When all of them are done; None where that is not known of one."""
    known = [each for each in times_s if each is not None]
    return max(known) if known and len(known) == len(times_s) else None
