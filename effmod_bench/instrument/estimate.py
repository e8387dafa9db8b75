"""How long a run takes: guessed from multiply-adds, then from what was seen."""

from collections.abc import Sequence
from typing import Protocol

from effmod_bench.instrument.machine.system import available_cores
from effmod_bench.instrument.schedule import Turn, schedule
from effmod_bench.instrument.sessions.registry import ROWS
from effmod_bench.instrument.threads import PAPER_THREADS, threads_to_use
from results import BenchPlan, ComparisonPlan, Device
from results.statistics.looks import next_look

# Before a network's first round, its time is guessed: seconds a multiply-add on a core, by a runtime that was seen to
# be about so fast, and seconds to start and load.
_GUESSED_S_PER_MAC = 1 / 40e9
GUESSED_START_S = 1.0


class Progress(Protocol):
    """Who is told how a run goes."""

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        """The round of `name` goes on; `left_s` is about how many seconds the run still takes."""
        ...


def guess_run_s(plan: BenchPlan | ComparisonPlan, macs: int | None) -> float | None:
    """About how long an inference takes that nobody has seen.

    None for a file of which nothing is known, and on a GPU or by another runtime: a CPU's speed says nothing of these.
    """
    if plan.device is not Device.CPU or not ROWS[plan.options.runtime].guessed_by_macs:
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
        self._run_s: dict[tuple[int, int | None], float | None] = {
            _timed(turn): guess_run_s(turn.plan, macs[turn.subject]) for turn in self.turns
        }

    def saw(self, run_ns: float) -> None:
        """One run of the artifact whose turn it is takes `run_ns`."""
        self._run_s[_timed(self.turns[self.now])] = run_ns / 1e9

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
        run_s = self._run_s[_timed(turn)]
        return None if run_s is None else GUESSED_START_S + run_s * (turn.runs * self._clocks + self._warmup_runs)


def _timed(turn: Turn) -> tuple[int, int | None]:
    """What takes about as long each time: an artifact on so many threads."""
    return turn.subject, turn.plan.threads


def guess_s(plan: ComparisonPlan, macs: tuple[int | None, int | None]) -> float | None:
    """About how long the processes of one comparison take; None where a file is one of which nothing is known."""
    baseline_s, candidate_s = (guess_run_s(plan, m) for m in macs)
    if baseline_s is None or candidate_s is None:
        return None
    runs = plan.warmup_runs + 2 * plan.blocks
    return next_look(plan, 0).processes * (2 * GUESSED_START_S + runs * (baseline_s + candidate_s))
