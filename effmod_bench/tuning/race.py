"""Candidates timed in turn with one baseline, a process each time; the slow ones are dropped on the way."""

import random
from collections.abc import Sequence

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.estimate import Progress
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.tuning.candidates import EQUAL_WITHIN, Candidate
from results import Comparison, ComparisonPlan, ComparisonProcess, Machine, Outcome, Store, compare
from results.statistics.estimate import median_ratio
from results.statistics.tuning import LOOKS, beaten, pick


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
        self.run_id = new_run_id()
        self.candidates: dict[str, Candidate] = {}
        self.ratios: dict[str, list[float]] = {}
        """By name, of each process that did not fail, the candidate's time over the baseline's."""
        self.dropped: dict[str, str] = {}
        """Reasons, by name."""
        self.plan, self.baseline, self.machine, self.store = plan, baseline, machine, store
        self._began_s, self._budget_s = began_s, budget_s
        self._turns = random.Random(plan.seed)
        self._process_s = 0.0

    @property
    def left(self) -> dict[str, list[float]]:
        """The ratios of those that are still in the race, in the order in which they came."""
        return {name: each for name, each in self.ratios.items() if name not in self.dropped}

    def best(self) -> Candidate:
        """The simplest of the fastest, as far as is known; the baseline where nothing is faster."""
        name = pick(self.left, self.plan.margin)
        return self.baseline if name is None else self.candidates[name]

    def run(self, candidates: Sequence[Candidate], progress: Progress, *, share: float = 1.0) -> bool:
        """Let more candidates run against those that are left; False where the budget ended it.

        Args:
            share: of what is left of the budget, that may be spent when this returns.

        Raises:
            TargetError: the budget is too small for one comparison.
            StoreError: a record could not be written.
            KeyboardInterrupt: the user interrupts; what is finished is known and stored.
        """
        for candidate in candidates:
            self.candidates[candidate.name] = candidate
            self.ratios[candidate.name] = []
        now_s = monotonic_s()
        until_s = now_s + share * (self._began_s + self._budget_s - now_s)
        for size in LOOKS:
            while behind := [name for name, ratios in self.left.items() if len(ratios) < size]:
                for name in self._turns.sample(behind, len(behind)):
                    if not self._may_begin(until_s):
                        return False
                    self._time(name, progress)
            found = beaten(self.left, candidates=len(self.candidates))
            for name, by in found.items():
                self.dropped[name] = f"slower than {self.baseline.name if by is None else by}"
            if len(self.left) <= 1:
                break
        return True

    def _may_begin(self, until_s: float) -> bool:
        """Whether there is time for one more process, and the last comparison after it."""
        now_s = monotonic_s()
        end_s = self._began_s + self._budget_s
        if now_s + self._process_s <= min(until_s, end_s - self.plan.processes * self._process_s):
            return True
        if not any(len(ratios) > 1 for ratios in self.left.values()):
            enough_s = now_s - self._began_s + (2 * len(self.left) + self.plan.processes) * self._process_s
            raise TargetError(
                f"the --budget of {self._budget_s:.0f} s is too small for one comparison here; "
                f"give at least {enough_s:.0f}s"
            )
        return False

    def _time(self, name: str, progress: Progress) -> None:
        target = list(self.candidates).index(name) + 1
        candidate, ratios = self.candidates[name], self.ratios[name]
        done = sum(map(len, self.ratios.values()))
        to_come = sum(LOOKS[-1] - len(each) for each in self.left.values())
        began_s = monotonic_s()

        def tick(elapsed_s: float) -> None:
            left_s = min(to_come * self._process_s, self._began_s + self._budget_s - monotonic_s())
            part = min(elapsed_s / self._process_s, 0.99) if self._process_s else 0.0
            progress.show(name, done + part, done + to_come, left_s if self._process_s else None)

        record = pair_runner.time_pair(
            self.run_id,
            self._plan_now(),
            (self.baseline.subject, candidate.subject),
            self.machine,
            self.store,
            tick,
            target=target,
            index=len(ratios),
        )
        self._process_s = max(self._process_s, (monotonic_s() - began_s) / (record.attempt + 1))  # of one attempt
        if record.outcome is Outcome.FAILED:
            self.dropped[name] = f"failed: {record.failure}"
            return
        ratios.append(median_ratio(record.baseline_ns, record.candidate_ns))
        error = record.relative_error
        if candidate.equal and (error is None or not error <= EQUAL_WITHIN):
            off = "it has others" if error is None else f"they are off by {error:.1e}"
            self.dropped[name] = f"its outputs are not equal: {off}"

    def _plan_now(self) -> ComparisonPlan:
        everyone = (self.baseline, *self.candidates.values())
        return msgspec.structs.replace(
            self.plan,
            targets=tuple(each.subject.artifact.name for each in everyone),
            target_options=tuple(each.options for each in everyone),
            of_race=True,
        )


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
        race.machine,
        race.store,
        progress,
        on_record=records.append,
    )
    (comparison,) = compare(records)
    return comparison
