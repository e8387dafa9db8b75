"""Candidates timed in turn with one baseline, a process each time; the slow ones are dropped on the way."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean, geometric_mean, median

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.estimate import Progress
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.tuning.candidates import EQUAL_WITHIN, Candidate
from results import Comparison, ComparisonPlan, ComparisonProcess, Machine, Outcome, Store, compare
from results.statistics.estimate import median_ratio
from results.statistics.tuning import LOOKS, beaten, far_behind, leader

# What the timed runs of one process may take of the budget, and how many blocks they are at least.
_SHARE_OF_RUNS = 0.01
_FEWEST_BLOCKS = 15
# What a process of the screening runs: most of it is loading.
_SCREENED_BLOCKS = 5
_SCREENED_WARMUP_RUNS = 3


class Race:
    """Who is faster than the baseline, and by how much, as far as is known.

    Args:
        plan: of the comparisons; its options are the baseline's.
        began_s: on the monotonic clock, when the budget began to run.
        budget_s: no process begins that would leave no time in it for a last comparison.
    """

    def __init__(
        self,
        plan: ComparisonPlan,
        baseline: Candidate,
        machine: Machine,
        store: Store,
        *,
        began_s: float,
        budget_s: float,
    ) -> None:
        self.run_id, self.screening_id = new_run_id(), new_run_id()
        self.candidates: dict[str, Candidate] = {}
        self.ratios: dict[str, list[float]] = {}
        """By name, of each process that did not fail, the candidate's time over the baseline's."""
        self.screened: dict[str, float] = {}
        """By name, the same of the one short process of the screening, which is not among those."""
        self.runs: dict[str, int] = {}
        """By name, how often those timed it."""
        self.dropped: dict[str, str] = {}
        """Reasons, by name."""
        self.plan, self.baseline, self.machine, self.store = plan, baseline, machine, store
        self._began_s, self._budget_s = began_s, budget_s
        self._turns = random.Random(plan.seed)
        self._process_s: dict[str, float] = {}
        """By name, what a process took; of those that were only screened, what it would."""

    @property
    def left(self) -> dict[str, list[float]]:
        """The ratios of those that are still in the race, in the order in which they came."""
        return {name: each for name, each in self.ratios.items() if name not in self.dropped}

    @property
    def left_s(self) -> float:
        """Of the budget."""
        return self._began_s + self._budget_s - monotonic_s()

    @property
    def spent(self) -> float:
        """Of the budget, as a share."""
        return 1.0 - self.left_s / self._budget_s

    def best(self) -> Candidate:
        """The simplest of the fastest, as far as is known; the baseline where nothing is faster."""
        name = leader(self.left, self.screened, self.plan.margin)
        return self.baseline if name is None else self.candidates[name]

    @property
    def enough_s(self) -> float:
        """What it would still take to time those that are left up to the first look, and for the last comparison."""
        race_s = (max(0, LOOKS[0] - len(each)) * self._usual_s(name) for name, each in self.left.items())
        return sum(race_s) + self.plan.processes * self._usual_s(self.best().name)

    def may_compare(self, best: Candidate) -> bool:
        """Whether there is time for its last comparison; it was kept wherever two processes timed somebody."""
        last_s = (self.plan.processes - 1) * self._usual_s(best.name)
        return len(self.ratios[best.name]) > 1 or self.left_s >= last_s

    def screen(self, candidates: Sequence[Candidate], progress: Progress) -> None:
        """Let the first candidates run once each, shortly: who is far behind is dropped, and what one takes known.

        Raises:
            TargetError: the budget is spent before the first.
            StoreError, KeyboardInterrupt: as for `run`.
        """
        self._enter(candidates)
        plan = msgspec.structs.replace(self.plan, blocks=_SCREENED_BLOCKS, warmup_runs=_SCREENED_WARMUP_RUNS)
        took: dict[str, tuple[float, float]] = {}
        for number, candidate in enumerate(candidates):
            if self.left_s <= 0:
                if number:
                    break
                raise TargetError(
                    f"the --budget of {self._budget_s:.0f} s is too small for one comparison here; "
                    f"give at least {math.ceil(2 * (self._budget_s - self.left_s))}s"
                )
            name = candidate.name

            def tick(_: float, name: str = name, number: int = number) -> None:
                progress.show(name, number, len(candidates), None)

            record, took_s = self._process(self.screening_id, plan, name, 0, tick)
            if record.outcome is Outcome.OK:
                self.screened[name] = median_ratio(record.baseline_ns, record.candidate_ns)
                took[name] = took_s, _block_s(record)
        if not took:
            return
        # A moment in which the machine was slow makes no slow network: so few runs are told from the fastest.
        self.plan = _settled(self.plan, min(each for _, each in took.values()), self._budget_s)
        more_blocks = self.plan.blocks - plan.blocks + (self.plan.warmup_runs - plan.warmup_runs) / 2
        for name, (took_s, block_s) in took.items():
            self._process_s[name] = took_s + more_blocks * block_s
        left = {name: ratio for name, ratio in self.screened.items() if name in self.left}
        for name, by in far_behind(left).items():
            self.dropped[name] = f"far behind {self.baseline.name if by is None else by} in the screening"

    def run(self, candidates: Sequence[Candidate], progress: Progress, *, share: float = 1.0) -> bool:
        """Let more candidates run against those that are left; False where the budget ended it.

        Args:
            share: of what is left of the budget, that may be spent when this returns.

        Raises:
            StoreError: a record could not be written.
            KeyboardInterrupt: the user interrupts; what is finished is known and stored.
        """
        self._enter(candidates)
        until_s = monotonic_s() + share * self.left_s
        for size in LOOKS:
            while behind := [name for name, ratios in self.left.items() if len(ratios) < size]:
                for name in self._next(behind):
                    if not self._may_begin(name, until_s):
                        return False
                    self._time(name, progress)
            found = beaten(self.left, candidates=len(self.candidates))
            for name, by in found.items():
                self.dropped[name] = f"slower than {self.baseline.name if by is None else by}"
            if len(self.left) <= 1:
                break
        return True

    def _enter(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            self.candidates[candidate.name] = candidate
            self.ratios[candidate.name], self.runs[candidate.name] = [], 0

    def _next(self, behind: Sequence[str]) -> list[str]:
        """Whose turn it is, in an order drawn anew: all once, the screened ones first; and then the faster half first.

        Where the budget ends early, it was spent on those that may win.
        """
        waiting = [name for name in behind if not self.ratios[name]]
        if not waiting:
            by_speed = sorted(self.left, key=lambda name: geometric_mean(self.ratios[name]))
            ahead = by_speed[: math.ceil(len(by_speed) / 2)]
            waiting = [name for name in behind if name in ahead] or list(behind)
        drawn = self._turns.sample(waiting, len(waiting))
        return sorted(drawn, key=lambda name: bool(self.ratios[name]) or name not in self.screened)

    def _usual_s(self, name: str) -> float:
        """What a process of a candidate takes; of one that had none yet, or of the baseline, the longest of all."""
        return self._process_s.get(name, max(self._process_s.values(), default=0.0))

    def _may_begin(self, name: str, until_s: float) -> bool:
        """Whether there is time for one more process of a candidate, and the last comparison after it."""
        end_s = self._began_s + self._budget_s
        is_known = any(len(ratios) > 1 for ratios in self.left.values())
        last_s = self.plan.processes * self._usual_s(self.best().name)
        return monotonic_s() + self._usual_s(name) <= min(until_s if is_known else end_s, end_s - last_s)

    def _time(self, name: str, progress: Progress) -> None:
        ratios = self.ratios[name]
        done = sum(map(len, self.ratios.values()))
        to_come = sum(LOOKS[-1] - len(each) for each in self.left.values())

        def tick(elapsed_s: float) -> None:
            usual_s = fmean(self._process_s.values()) if self._process_s else 0.0
            left_s = min(to_come * usual_s, self.left_s)
            part = min(elapsed_s / usual_s, 0.99) if usual_s else 0.0
            progress.show(name, done + part, done + to_come, left_s if usual_s else None)

        record, took_s = self._process(self.run_id, self.plan, name, len(ratios), tick)
        if record.outcome is Outcome.OK:
            before, self.plan = self.plan, _settled(self.plan, _block_s(record), self._budget_s)
            took_s -= (before.blocks - self.plan.blocks) * _block_s(record)
        self._process_s[name] = max(self._process_s[name], took_s) if ratios else took_s
        if record.outcome is Outcome.OK:
            self.runs[name] += len(record.candidate_ns)
            ratios.append(median_ratio(record.baseline_ns, record.candidate_ns))

    def _process(
        self, run_id: str, plan: ComparisonPlan, name: str, index: int, tick: Callable[[float], None]
    ) -> tuple[ComparisonProcess, float]:
        """One process of a candidate, which is dropped where it fails or gives other outputs; and its seconds."""
        candidate, target = self.candidates[name], list(self.candidates).index(name) + 1
        everyone = (self.baseline, *self.candidates.values())
        began_s = monotonic_s()
        record = pair_runner.time_pair(
            run_id,
            msgspec.structs.replace(
                plan,
                targets=tuple(each.subject.artifact.name for each in everyone),
                target_options=tuple(each.options for each in everyone),
                of_race=True,
            ),
            (self.baseline.subject, candidate.subject),
            Here(self.machine),
            self.store,
            tick,
            target=target,
            index=index,
        )
        error = record.relative_error
        if record.outcome is Outcome.FAILED:
            self.dropped[name] = f"failed: {record.failure}"
        elif candidate.equal and (error is None or not error <= EQUAL_WITHIN):
            off = "it has others" if error is None else f"they are off by {error:.1e}"
            self.dropped[name] = f"its outputs are not equal: {off}"
        return record, (monotonic_s() - began_s) / (record.attempt + 1)  # of one attempt


def _settled(plan: ComparisonPlan, block_s: float, budget_s: float) -> ComparisonPlan:
    """Of a slow network fewer runs a process, once one is known: two processes tell more than one twice as long."""
    fitting = max(_FEWEST_BLOCKS, math.floor(_SHARE_OF_RUNS * budget_s / block_s))
    return msgspec.structs.replace(plan, blocks=min(plan.blocks, fitting))


def _block_s(record: ComparisonProcess) -> float:
    """Of two runs of each."""
    return 2 * (median(record.baseline_ns) + median(record.candidate_ns)) / 1e9


def compare_again(race: Race, best: Candidate, progress: Progress) -> Comparison:
    """The best beside the baseline, in new processes: a winner's own race flatters it.

    Raises:
        StoreError: a record could not be written.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    plan = msgspec.structs.replace(
        race.plan,
        targets=(race.baseline.subject.artifact.name, best.subject.artifact.name),
        target_options=(race.baseline.options, best.options),
        seed=race.plan.seed + 1,
    )
    records: list[ComparisonProcess] = []
    pair_runner.run(
        new_run_id(),
        plan,
        [race.baseline.subject, best.subject],
        Here(race.machine),
        race.store,
        progress,
        on_record=records.append,
    )
    (comparison,) = compare(records)
    return comparison
