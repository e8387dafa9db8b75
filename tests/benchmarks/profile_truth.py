"""Whether `effmod profile` and `effmod compare --by module` tell the truth where it is known.

Of five identical blocks the second and the fourth are in module `a`, which takes 40 % of what the five take; and
where one block is done twice, that one takes longer and no other. Two blocks stand before the five and one behind
them, since the first of a network find its input and the caches otherwise. Of five alone, `a` had 39.7 % in 20 trials
of 20, which the intervals were narrow enough to tell from 40; with one block before them, it had so in six of six
beside a core that had other work, where the second block took 2 to 5 % longer than those behind it. Run it with `make
check-profile-truth`, best on a quiet machine: 20 trials take a quarter of an hour. With `--csv` it writes
`tests/benchmarks/profile_truth.csv`; it ends with 1 where a share is off by two points, or fewer than 17 of 20
intervals hold it, or the doubled block is not found.
"""

import argparse
import csv
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

EFFMOD = Path(sys.executable).with_name("effmod")
SHARE, WITHIN, INSIDE = 0.4, 0.02, 17 / 20
# In the order in which they run.
BLOCKS = ("/b/left", "/a/left", "/b/middle", "/a/right", "/b/right")
FIRST, LAST = ("/first/block", "/first/again"), "/last/block"
DOUBLED = "/b/middle"
_TABLE = Path(__file__).with_name("profile_truth.csv")
_SHAPE = (1, 784, 384)  # about two milliseconds a block on one thread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--csv", action="store_true", help="write the committed file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        once, twice = write(Path(folder) / "once.onnx"), write(Path(folder) / "twice.onnx", doubled=DOUBLED)
        rows = []
        for trial in range(arguments.trials):
            rows.append({"trial": trial, **share(once), **doubling(once, twice)})
            print(*rows[-1].values(), flush=True)
    if arguments.csv:
        with _TABLE.open("w", newline="") as file:
            table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    near = sum(abs(row["share"] - SHARE) < WITHIN for row in rows)
    inside = sum(row["low"] <= SHARE <= row["high"] for row in rows)
    found = sum(row["doubled_is"] == "slower" for row in rows)
    others = sum(row["others_moved"] for row in rows)
    print(
        f"of {len(rows)} trials {near} within 2 points, {inside} inside the interval, {found} found the doubled block"
    )
    print(f"of the {(len(BLOCKS) + 2) * len(rows)} other blocks {others} were said to have moved")
    sys.exit(near < len(rows) or inside < INSIDE * len(rows) or found < len(rows))


def write(path: Path, doubled: str = "") -> Path:
    """All blocks, a product and an activation each, by the names of their operators; one of them may be done twice."""
    draws = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for number, block in enumerate((*FIRST, *BLOCKS, LAST)):
        for again in range(2 if block == doubled else 1):
            weight = draws.normal(0, _SHAPE[2] ** -0.5, (_SHAPE[2], _SHAPE[2])).astype(np.float32)
            weights.append(onnx.numpy_helper.from_array(weight, f"w{number}_{again}"))
            names = [f"{block}/{kind}_{again}" for kind in ("MatMul", "Sigmoid")]
            nodes.append(helper.make_node("MatMul", [last, weights[-1].name], [f"{names[0]}_output"], name=names[0]))
            nodes.append(helper.make_node("Sigmoid", nodes[-1].output, [f"{names[1]}_output"], name=names[1]))
            last = nodes[-1].output[0]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, _SHAPE) for name in ("x", last))
    graph = helper.make_graph(nodes, "truth", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def share(file: Path) -> dict[str, float]:
    """What share of the five blocks' time is said to be spent in `a`, with its interval."""
    rows = {row["path"]: row for row in _effmod(file.parent, "profile", str(file), "--no-roof")}
    five = sum(float(rows[module]["share"]) for module in "ab")
    told = (("share", "share"), ("low", "share_low"), ("high", "share_high"))
    return {name: round(float(rows["a"][key]) / five, 4) for name, key in told}


def doubling(once: Path, twice: Path) -> dict[str, Any]:
    """What is said of the block that was doubled, and how many others are said to have moved."""
    rows = _effmod(once.parent, "compare", str(once), str(twice), "--by", "module")
    path = DOUBLED.strip("/").replace("/", ".")
    blocks = {row["path"]: row["verdict"] for row in rows if row["depth"] == "2"}
    return {
        "doubled_is": blocks.pop(path),
        "others_moved": sum(verdict != "not distinguishable" for verdict in blocks.values()),
    }


def _effmod(folder: Path, *arguments: str) -> list[dict[str, str]]:
    options = ["--threads", "1", "--output-format", "csv", "--store", str(folder / "store")]
    done = subprocess.run([EFFMOD, *arguments, *options], capture_output=True, text=True, check=True)
    return list(csv.DictReader(io.StringIO(done.stdout)))


if __name__ == "__main__":
    main()
