"""What it costs to read a large store: 50,000 records of 200 runs each, by every command that reads one.

Run it with `make check-store`, which writes store_reading.csv. One store holds the rounds of ten networks in a
thousand runs, another the processes of as many comparisons. Each command is a process of its own; `diff` reads the
first store twice. With `--before FOLDER`, an older checkout, each line has that one's figures, measured in turn with
ours, and the ratio. It judges nothing: the machine may be busy, and then the processor time says more than the wall
time.
"""

import argparse
import csv
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from effmod_bench.instrument.clock import time_once
from results import ComparisonPlan
from tests.fakes import make_comparison_process, make_round, timed_artifact

RESULT = Path(__file__).with_suffix(".csv")
_NETWORKS = (
    "efficientmod_xxs", "efficientmod_xs", "efficientmod_s", "mobilenetv2_100", "mobilenetv2_140",
    "fasternet_t0", "fasternet_t1", "edgevit_xxs", "edgevit_xs", "deit_tiny",
)  # fmt: skip
_ROUNDS = 5
_RUNS = 200
_MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from effmod_bench.__main__ import main; main()"
_LOAD = "import sys; sys.path.insert(0, sys.argv[1]); import results; results.load(sys.argv[2])"


class Cost(msgspec.Struct, frozen=True):
    """Of one process: until it ended, its processor time, and its largest resident memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--before", type=Path, help="an older checkout")
    parser.add_argument("--csv", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    ours = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as name:
        rounds, pairs = Path(name, "rounds"), Path(name, "pairs")
        write_rounds(rounds, arguments.records)
        write_pairs(pairs, arguments.records)
        commands = {
            "effmod show (rounds)": [_MAIN, "show", str(rounds)],
            "effmod show (comparisons)": [_MAIN, "show", str(pairs)],
            "effmod plot": [_MAIN, "plot", str(rounds), "-o", str(Path(name, "plot.png"))],
            "effmod diff": [_MAIN, "diff", str(rounds), str(rounds)],
            "results.load": [_LOAD, str(rounds)],
        }
        table = []
        for label, (program, *words) in commands.items():
            before = cost_of(program, arguments.before, words) if arguments.before else None
            table.append(line(label, arguments.records, before, cost_of(program, ours, words)))
            print(", ".join(f"{key} {value}" for key, value in table[-1].items()), flush=True)
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, table[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)


def write_rounds(folder: Path, count: int) -> None:
    """Rounds of every network in run after run, as `effmod bench` would have stored them."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    for i in range(count):
        run, (index, network) = i // (_ROUNDS * len(_NETWORKS)), divmod(i % (_ROUNDS * len(_NETWORKS)), len(_NETWORKS))
        times = (5 + network) * np.exp(noise.normal(0, 0.05, _RUNS) + noise.normal(0, 0.01))
        artifact = timed_artifact(_NETWORKS[network])
        record = make_round(list(times), artifact=artifact, run_id=f"run-{run:05}", index=index, targets=_NETWORKS)
        (folder / f"{record.id}.json").write_bytes(msgspec.json.encode(record))


def write_pairs(folder: Path, count: int) -> None:
    """The processes of one comparison after another, each of as many runs as a round has."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    plan = ComparisonPlan(targets=_NETWORKS[:2], processes=50)
    for i in range(count):
        run, index = divmod(i, plan.processes)
        ratios = np.exp(noise.normal(0.02, 0.05, _RUNS // 2) + noise.normal(0, 0.01))
        record = make_comparison_process(list(ratios), plan=plan, run_id=f"run-{run:05}", index=index)
        (folder / f"{record.id}.json").write_bytes(msgspec.json.encode(record))


def cost_of(program: str, checkout: Path, words: Sequence[str]) -> Cost:
    """What one process of a checkout costs, whose memory is its own.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-c", program, str(checkout.resolve()), *words]

    def run() -> tuple[int, resource.struct_rusage]:
        nowhere = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
        child = os.posix_spawn(command[0], command, os.environ, file_actions=[nowhere])
        _, status, usage = os.wait4(child, 0)
        return status, usage

    (status, usage), wall_ns = time_once(run)
    if status:
        raise SystemExit(f"{' '.join(words)} of {checkout} ended with status {status}")
    return Cost(wall_ns / 1e9, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def line(label: str, records: int, before: Cost | None, after: Cost) -> dict[str, str | int]:
    """A line of the table: of each figure ours, and where there is an older checkout, its own and the ratio."""
    found: dict[str, str | int] = {"command": label, "records": records, "runs": _RUNS}
    for name, digits in (("wall_s", 1), ("cpu_s", 1), ("peak_mb", 0)):
        mine = getattr(after, name)
        if before is not None:
            found[f"before_{name}"] = f"{getattr(before, name):.{digits}f}"
        found[name] = f"{mine:.{digits}f}"
        if before is not None:
            found[f"{name}_ratio"] = f"{mine / getattr(before, name):.3f}"
    return found


if __name__ == "__main__":
    main()
