"""Whether a figure that is given away is found again where it is true, and where it is not.

    python -m tests.benchmarks.shared_numbers [--trials 10] [--core 1] [--csv]

Each trial times a small file on one thread, shares the store, and has `effmod reproduce` measure it again on the same
machine three times: as it is, which should end with 0; with the file exchanged for one of 20 % more work, which should
end with 4; and with the file as it is and records that claim 20 % less time than was measured, which should end with 4
as well. `--csv` writes shared_numbers.csv, a row for each. About half a minute a trial.
"""

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from results import Round, Store

EFFMOD = Path(sys.executable).with_name("effmod")
FILE = Path(__file__).with_suffix(".csv")
BLOCKS, MORE_BLOCKS = 10, 12  # short inferences: most are over before a busy system takes the core away
CHANNELS, SIDE = 32, 32
PROTOCOL = ("--runs", "600", "--rounds", "10", "--threads", "1")
EXPECTED = {"as it is": 0, "20 % more work": 4, "20 % less time claimed": 4}


def write_convolutions(path: Path, count: int) -> None:
    """A chain of equal 3x3 convolutions: so many of them are so much work."""
    draws, names = np.random.default_rng(0), ["x", *(f"t{i}" for i in range(count - 1)), "y"]
    weights = [
        draws.standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32) / np.sqrt(9 * CHANNELS) for _ in range(count)
    ]
    nodes = [
        helper.make_node("Conv", [names[i], f"w{i}"], [names[i + 1]], pads=[1, 1, 1, 1], kernel_shape=[3, 3])
        for i in range(count)
    ]
    maps = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE]) for name in "xy"]
    held = [numpy_helper.from_array(weight.astype(np.float32), f"w{i}") for i, weight in enumerate(weights)]
    graph = helper.make_graph(nodes, "convolutions", maps[:1], maps[1:], held)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def effmod(folder: Path, core: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    pinned = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
    command, environment = [*pinned, str(EFFMOD), *arguments], os.environ | {"NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def trial(number: int, core: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, blocks in (("true", BLOCKS), ("exchanged", MORE_BLOCKS)):
            (folder / place).mkdir()
            write_convolutions(folder / place / "net.onnx", blocks)
        for arguments in (
            ("bench", "true/net.onnx", *PROTOCOL, "--store", "then", "--quiet"),
            ("share", "then", "--output", "numbers.zip"),
        ):
            done = effmod(folder, core, *arguments)
            assert done.returncode == 0, done.stderr
        store, claimed = Store(folder / "then"), Store(folder / "claimed")
        claimed.check_writable()
        for record in store.read_kind(Round):
            faster = tuple(round(each / 1.2) for each in record.durations_ns)
            claimed.write(msgspec.structs.replace(record, durations_ns=faster))
        assert effmod(folder, core, "share", "claimed", "--output", "claimed.zip").returncode == 0
        return [
            row(number, kind, effmod(folder, core, "reproduce", *arguments, "--output-format", "csv"))
            for kind, arguments in (
                ("as it is", ("./numbers.zip", "--files", "true", "--store", "a")),
                ("20 % more work", ("./numbers.zip", "--files", "exchanged", "--store", "b")),
                ("20 % less time claimed", ("./claimed.zip", "--files", "true", "--store", "c")),
            )
        ]


def row(number: int, kind: str, done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 1, done.stderr
    kept = {key: rows[0][key] for key in ("verdict", "why", "ratio", "low", "high", "cause", "warnings_ours")}
    return {"trial": number, "kind": kind, "exit_code": done.returncode, **kept}


def write_csv(rows: Sequence[dict[str, Any]]) -> None:
    with FILE.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--csv", action="store_true")
    options = parser.parse_args()
    rows = []
    for number in range(options.trials):
        for each in trial(number, options.core):
            rows.append(each)
            print(*each.values(), flush=True)
        if options.csv:
            write_csv(rows)
    wrong = 0
    for kind, code in EXPECTED.items():
        ended = [each for each in rows if each["kind"] == kind]
        right = [each for each in ended if each["exit_code"] == code]
        wrong += len(ended) - len(right)
        differ = sum(each["verdict"] == "differs" for each in ended)
        print(f"{kind}: {len(right)} of {len(ended)} ended with {code}; {differ} differ")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
