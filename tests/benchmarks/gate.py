"""How often a gate of 5 % is right, simulated on the scatter that was measured: `make check-gate`, half a minute.

Of each kind 100 gates are drawn, by a seed, at a true slowdown of 0, 2, 10 and 30 %. The first two should pass, the
others fail. No machine is needed, and none is in the figures but the 2-core AMD EPYC of the records:

- "one thread, equal blocks", "two threads, equal blocks" and "one thread, networks": a trial of comparison_power.csv or
  interval_coverage.csv is drawn, which is six processes. Their mean, and how far it lies from that of all trials of its
  kind, or from the long run of its pair, is the trial's own; so is their standard deviation, from the interval's width.
  Processes beyond six are normal around that mean, which a longer comparison therefore does not mend.
- "two threads, networks": processes in a row of results/measured/amd-epyc-2-cores-table-1, with all their runs, from
  one drawn at random to the last, then from another one; of the 21 networks of which there are 32 or more beside the
  anchor, about a minute apart. What is true is the mean of all of a network's. The machine has two speeds there, for
  minutes each, and some networks another ratio at each, so six processes in a row may know of one alone. "Three minutes
  apart" is every third process. Two files of one network are none of these: what meets the one meets the other.

Each is judged as `effmod compare` does with its six processes, and as with `--until decided --max-time 10m`; then as
`effmod diff` does through the anchor, six processes in each store. A process on two threads takes what its record says;
one on one thread twice the median of these.

It prints what was found and judges nothing; `--csv` writes it beside this script.
"""

import argparse
import csv
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean, median

import msgspec
import numpy as np
from scipy.special import stdtrit

from results import BenchPlan, ComparisonPlan, ComparisonProcess, Measurement, Round, Store, compare, summarise
from results.statistics.difference import differences
from results.statistics.estimate import median_ratio
from results.statistics.gate import Gate, GateVerdict, Reason
from results.statistics.looks import next_look
from tests.benchmarks.figures import write_figures

LIMIT = 0.05
SLOWDOWNS = (0.0, 0.02, 0.1, 0.3)
TRIALS = 100

PLAN = ComparisonPlan(targets=("before", "after"), fail_if_slower=LIMIT)
UNTIL_DECIDED = msgspec.structs.replace(PLAN, until_decided=True, max_time_s=600.0)

_HERE = Path(__file__).parent
_RECORDS = Store(_HERE.parents[1] / "results/measured/amd-epyc-2-cores-table-1")
_FEWEST = 32
_TWO_SPEEDS = "two threads, networks"

Draw = Callable[[np.random.Generator], Iterator[ComparisonProcess]]
"""Processes without end, of a true ratio of 1."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one simulated gate said, after so many processes, of each side."""

    gate: Gate
    processes: int


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A way to judge, on a scatter.

    Attributes:
        judge: one gate, at a true slowdown.
    """

    scatter: str
    by: str
    judge: Callable[[np.random.Generator, float], Found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each kind, at each slowdown")
    parser.add_argument("--csv", action="store_true", help="write what was found beside this script")
    arguments = parser.parse_args()
    rows = []
    for kind in kinds():
        for slowdown in SLOWDOWNS:
            rows.append(summary(kind, slowdown, simulate(kind, slowdown, arguments.trials)))
            print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.csv:
        write_figures(__file__, rows)


def kinds() -> list[Kind]:
    """Every way to judge on every scatter."""
    beside, rounds = _committed()
    process_s = 2 * median(_seconds(record) for records in beside.values() for record in records)
    template = next(iter(beside.values()))[0]
    scatters: dict[str, Draw] = {
        f"one thread, {what}": _of_trials(trials, template, 1, process_s)
        for what, trials in (("equal blocks", _equal_blocks("1")), ("networks", _networks()))
    }
    scatters["two threads, equal blocks"] = _of_trials(_equal_blocks("2"), template, 2, process_s)
    scatters[_TWO_SPEEDS] = _two_threads(list(beside.values()))
    apart = _two_threads(list(beside.values()), every=3)
    found = [
        Kind(scatter=name, by=by, judge=_comparing(draw, plan))
        for name, draw in scatters.items()
        for by, plan in (("compare", PLAN), ("compare --until decided", UNTIL_DECIDED))
    ]
    found.append(Kind(scatter=f"{_TWO_SPEEDS}, three minutes apart", by="compare", judge=_comparing(apart, PLAN)))
    for name, draw in scatters.items():
        found.append(Kind(scatter=name, by="diff", judge=_diffing(draw, rounds if name == _TWO_SPEEDS else {})))
    return found


def simulate(kind: Kind, slowdown: float, trials: int) -> list[Found]:
    """So many gates, the same ones every time."""
    seeds = np.random.SeedSequence(0).spawn(trials)
    return [kind.judge(np.random.default_rng(seed), slowdown) for seed in seeds]


def summary(kind: Kind, slowdown: float, found: Sequence[Found]) -> dict[str, str | int | float]:
    """A row of the CSV: how many gates said what, and why others said nothing."""
    verdicts = Counter(each.gate.verdict for each in found)
    reasons = Counter(each.gate.reason for each in found)
    wrong = verdicts[GateVerdict.FAILS if slowdown < LIMIT else GateVerdict.PASSES]
    return {
        "scatter": kind.scatter,
        "by": kind.by,
        "slowdown": slowdown,
        "gates": len(found),
        **{str(verdict): verdicts[verdict] for verdict in GateVerdict},
        "wrong": wrong,
        **{str(reason): reasons[reason] for reason in (Reason.HOLDS_LIMIT, Reason.DOUBTFUL, Reason.MOVED)},
        "median_processes": median(each.processes for each in found),
        "most_processes": max(each.processes for each in found),
    }


def _comparing(draw: Draw, plan: ComparisonPlan) -> Callable[[np.random.Generator, float], Found]:
    """As `effmod_bench.instrument.pairs.run` does it, but that nothing is run."""

    def judge(rng: np.random.Generator, slowdown: float) -> Found:
        records: list[ComparisonProcess] = []
        for record in draw(rng):
            records.append(_slowed(record, slowdown, index=len(records), plan=plan))
            time_is_up = plan.max_time_s is not None and sum(map(_seconds, records)) >= plan.max_time_s
            if not time_is_up and len(records) < next_look(plan, len(records)).processes:
                continue
            gate = _gate_of(records)
            if time_is_up or not plan.is_open_ended or gate.verdict is not GateVerdict.UNDECIDED:
                return Found(gate=gate, processes=len(records))
        raise AssertionError("there is no end of processes")

    return judge


def _diffing(draw: Draw, rounds: dict[str, list[Round]]) -> Callable[[np.random.Generator, float], Found]:
    """Two stores, of each six processes beside the anchor, of the same network at two times.

    Args:
        rounds: of each network by itself, the same in both stores; of those that have none, a single steady one.
    """

    def judge(rng: np.random.Generator, slowdown: float) -> Found:
        sides: list[list[Measurement]] = []
        network = None
        while len(sides) < 2:
            records = list(islice(draw(rng), PLAN.processes))
            if network not in (None, records[0].candidate.name):
                continue
            network = records[0].candidate.name
            slower = slowdown if sides else 0.0
            pairs = [_slowed(record, slower, index=i, plan=PLAN) for i, record in enumerate(records)]
            alone = [_longer(each, slower) for each in rounds.get(network) or [_steady(records[0])]]
            sides.append(summarise(alone, pairs))
        (row,) = differences(*sides, margin=PLAN.margin, limit=LIMIT)
        assert row.gate
        return Found(gate=row.gate, processes=PLAN.processes)

    return judge


def _gate_of(records: Sequence[ComparisonProcess]) -> Gate:
    (comparison,) = compare(records)
    assert comparison.gate
    return comparison.gate


def _slowed(record: ComparisonProcess, slowdown: float, *, index: int, plan: ComparisonPlan) -> ComparisonProcess:
    """A process of the run that is simulated, whose candidate is so much slower than it was."""
    return msgspec.structs.replace(
        record,
        run_id="simulated",
        target=1,
        index=index,
        attempt=0,
        plan=plan,
        candidate_ns=tuple(round(ns * (1 + slowdown)) for ns in record.candidate_ns),
    )


def _longer(record: Round, slowdown: float) -> Round:
    return msgspec.structs.replace(
        record, run_id="simulated", durations_ns=tuple(round(ns * (1 + slowdown)) for ns in record.durations_ns)
    )


def _seconds(record: ComparisonProcess) -> float:
    assert record.environment.conditions
    return record.environment.conditions.elapsed_s


def _committed() -> tuple[dict[str, list[ComparisonProcess]], dict[str, list[Round]]]:
    """By network the processes beside the anchor, where there are enough, around a ratio of 1; and the rounds."""
    beside: dict[str, list[ComparisonProcess]] = defaultdict(list)
    rounds: dict[str, list[Round]] = defaultdict(list)
    for record in sorted(_RECORDS.records(Round, ComparisonProcess), key=lambda record: record.started_at):
        if isinstance(record, ComparisonProcess) and record.candidate_ns:
            beside[record.candidate.name].append(record)
        elif isinstance(record, Round) and record.durations_ns:
            rounds[record.artifact.name].append(record)
    return {name: _centred(each) for name, each in beside.items() if len(each) >= _FEWEST}, dict(rounds)


def _centred(records: Sequence[ComparisonProcess]) -> list[ComparisonProcess]:
    ratio = math.exp(fmean(math.log(median_ratio(each.baseline_ns, each.candidate_ns)) for each in records))
    return [
        msgspec.structs.replace(each, baseline_ns=tuple(round(ns * ratio) for ns in each.baseline_ns))
        for each in records
    ]


def _two_threads(series: Sequence[list[ComparisonProcess]], *, every: int = 1) -> Draw:
    """Each process of a network's from one on, or each third of them, say."""
    least = (PLAN.processes - 1) * every + 1

    def draw(rng: np.random.Generator) -> Iterator[ComparisonProcess]:
        records = series[int(rng.integers(len(series)))]
        yield from records[int(rng.integers(len(records) - least + 1)) :: every]
        while True:
            yield from records[int(rng.integers(len(records))) :: every]

    return draw


class _Trial(msgspec.Struct, frozen=True):
    """Six processes: how far the mean of their logarithms is off, and their standard deviation."""

    off: float
    deviation: float


def _of_trials(trials: Sequence[_Trial], template: ComparisonProcess, threads: int, process_s: float) -> Draw:
    conditions = template.environment.conditions
    assert conditions
    environment = msgspec.structs.replace(
        template.environment, threads=threads, conditions=msgspec.structs.replace(conditions, elapsed_s=process_s)
    )

    def draw(rng: np.random.Generator) -> Iterator[ComparisonProcess]:
        trial = trials[int(rng.integers(len(trials)))]
        six = rng.standard_normal(PLAN.processes)
        for each in (six - six.mean()) / six.std(ddof=1):
            yield process(trial.off + trial.deviation * each)
        while True:
            yield process(rng.normal(trial.off, trial.deviation))

    def process(log: float) -> ComparisonProcess:
        return msgspec.structs.replace(
            template, environment=environment, baseline_ns=(10**9,), candidate_ns=(round(1e9 * math.exp(log)),)
        )

    return draw


def _equal_blocks(threads: str) -> list[_Trial]:
    """Every trial of check-compare on so many threads, beside the mean of its kind."""
    rows = _rows("comparison_power.csv", threads)
    return [_trial(row, fmean(_log(each) for each in rows if each["trials"] == row["trials"])) for row in rows]


def _networks() -> list[_Trial]:
    """Every trial of check-coverage on one thread, beside the long run of its pair."""
    rows = _rows("interval_coverage.csv", "1")
    long_runs: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        pair, _, of_long_run = row["trials"].partition(", ")
        if of_long_run:
            long_runs[pair].append(_log(row))
    return [_trial(row, fmean(long_runs[row["trials"]])) for row in rows if row["trials"] in long_runs]


def _rows(name: str, threads: str) -> list[dict[str, str]]:
    with (_HERE / name).open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["threads"] == threads]


def _log(row: dict[str, str]) -> float:
    return math.log(float(row["ratio"]))


def _trial(row: dict[str, str], truth: float) -> _Trial:
    processes = PLAN.processes
    factor = float(stdtrit(processes - 1, 0.975)) / math.sqrt(processes)
    return _Trial(_log(row) - truth, math.log1p(float(row["half_width"])) / factor)


def _steady(record: ComparisonProcess) -> Round:
    """A round of the candidate by itself, since a row has one; the gate takes the ratio to the anchor."""
    return Round(
        id="steady",
        run_id="simulated",
        index=0,
        started_at=record.started_at,
        plan=BenchPlan(),
        environment=record.environment,
        artifact=record.candidate,
        outcome=record.outcome,
        durations_ns=record.candidate_ns,
    )


if __name__ == "__main__":
    main()
