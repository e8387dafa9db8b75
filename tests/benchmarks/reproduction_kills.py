"""How `effmod reproduce` survives kill -9 at random moments: resumed until it ends, it has the same set of records.

    python -m tests.benchmarks.reproduction_kills [--trials 20]

Each trial begins a small suite (two files timed alone, then in turn), kills the command and its worker after a random
part of the time that it takes undisturbed, resumes it, kills that, and so on three times; then it is resumed to
its end. Writes reproduction_kills.csv, a row a trial: when it was killed, and how many records are missing or doubled,
which should be none.
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from results import ComparisonProcess, Outcome, Round, Store
from tests.fakes import write_onnx

EFFMOD = Path(sys.executable).with_name("effmod")
FILE = Path(__file__).with_suffix(".csv")
KILLS = 3
SUITE = """title = "kills"
devices = ["cpu"]

[[measure]]
networks = ["a.onnx", "b.onnx"]
runs = 40
rounds = 4

[[measure]]
networks = ["a.onnx", "b.onnx"]
in-turn = true
processes = 3
blocks = 2
"""
EXPECTED = Counter(
    [("round", name, index) for name in ("a.onnx", "b.onnx") for index in range(4)]
    + [("pair", "b.onnx", index) for index in range(3)]
)


def reproduce(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [EFFMOD, "reproduce", *arguments, "--store", "records", "--quiet"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"EFFMOD_LOCK": str(folder / "lock")},  # it times nothing, so it need not wait for others
    )


def found(folder: Path) -> Counter[tuple[str, str, int]]:
    """What there is that did not fail; the last attempt at a thing counts once."""
    store = Store(folder / "records")
    rounds = {(each.artifact.name, each.index, each.attempt) for each in store.records(Round) if _is_ok(each)}
    beside = filter(_is_ok, store.records(ComparisonProcess))
    pairs = {(each.candidate.name, each.index, each.attempt) for each in beside}
    return Counter([("round", name, index) for name, index, _ in rounds] + [("pair", name, i) for name, i, _ in pairs])


def _is_ok(record: Round | ComparisonProcess) -> bool:
    return record.outcome is Outcome.OK


def trial(number: int, undisturbed_s: float) -> dict[str, object]:
    draws = random.Random(number)
    killed_at = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        arguments: tuple[str, ...] = ("./kills.toml",)
        for _ in range(KILLS):
            after_s = draws.uniform(0, undisturbed_s)
            process = reproduce(folder, *arguments)
            time.sleep(after_s)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed_at.append(after_s)
            # Killed before anything was stored, there is nothing to resume.
            begun = (folder / "records").is_dir() and any((folder / "records").glob("*-reproduction.json"))
            arguments = ("--resume",) if begun else ("./kills.toml",)
        code = reproduce(folder, *arguments).wait()
        records = found(folder)
        torn = len(list((folder / "records").glob("*.json"))) - len(
            [path for path in (folder / "records").glob("*.json") if path.read_bytes().endswith(b"}")]
        )
    return {
        "trial": number,
        "killed_after_s": " ".join(f"{seconds:.2f}" for seconds in killed_at),
        "exit_code": code,
        "records": records.total(),
        "missing": (EXPECTED - records).total(),
        "doubled": (records - EXPECTED).total(),
        "torn": torn,
    }


def prepare(folder: Path) -> None:
    write_onnx(folder / "a.onnx")
    write_onnx(folder / "b.onnx", operator="Abs")
    (folder / "kills.toml").write_text(SUITE)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        began = time.monotonic()
        assert reproduce(Path(name), "./kills.toml").wait() == 0
        undisturbed_s = time.monotonic() - began
    rows = []
    for number in range(options.trials):
        rows.append(trial(number, undisturbed_s))
        print(rows[-1], flush=True)
    with FILE.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    bad = [row for row in rows if row["missing"] or row["doubled"] or row["torn"] or row["exit_code"]]
    print(f"{len(rows) - len(bad)} of {len(rows)} whole, after {KILLS} kills each; one takes {undisturbed_s:.1f} s")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
