"""Is a training that is killed at random moments the training that it would have been?

    python -m tests.benchmarks.training_kills          # writes tests/benchmarks/training_kills.csv

Trains a small network on a small folder of images with `effmod train`, once without a break and once killed ten times
(SIGKILL) at random moments, each time going on with --resume: up to three epochs after it was started, and then up to
the time that an epoch takes, or, where it is killed before the first, that starting takes. So it is starting, reading
images, stepping or writing. Then all weights of both are compared, bit for bit, and so is what the log says of each
epoch. One row a kill: when, how many epochs were kept before this start and after it, and whether one of those before
was trained again.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import torch

from tests.images import NETWORK, write_images

FILE = Path(__file__).with_suffix(".csv")
EFFMOD = Path(sys.executable).parent / "effmod"
EPOCHS = 36  # more than ten kills leave time for
_WHAT_IS_TIME = "seconds"


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """One kill: so many epochs after the start, and seconds; how many were kept before this start, and after it."""

    kill: int
    after_epochs: int
    and_s: float
    kept_before: int
    kept_after: int
    is_repeated: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images")
        (folder / "net.py").write_text(NETWORK)
        whole, broken = folder / "whole", folder / "broken"
        begin = time.monotonic()
        process = _train(folder, whole)
        _wait(process, whole, 1)
        start_s = time.monotonic() - begin
        process.wait()
        epoch_s = (time.monotonic() - begin - start_s) / EPOCHS
        print(f"the first epoch is kept after {start_s:.1f} s, each of the others takes {epoch_s:.2f} s")
        chance = random.Random(options.seed)
        rows = [_killed(folder, broken, number, start_s, epoch_s, chance) for number in range(1, options.kills + 1)]
        _train(folder, broken).wait()
        differing = _differing(whole, broken)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*Kill.__struct_fields__, "tensors_that_differ_in_the_end"))
        writer.writerows((*msgspec.structs.astuple(row), len(differing)) for row in rows)
    print(f"{len(rows)} kills; tensors and epochs that differ in the end: {differing or 'none'}")
    return 1 if differing or any(row.is_repeated for row in rows) else 0


def _train(folder: Path, output: Path) -> "subprocess.Popen[bytes]":
    recipe = ["--batch-size", "8", "--at-once", "4", "--epochs", str(EPOCHS), "--lr", "0.01", "--image-size", "32"]
    where = ["--output", str(output), "--resume", "--device", "cpu", "--workers", "0", "--quiet"]
    return subprocess.Popen(
        [EFFMOD, "train", "net.py:net", "--data", "images", *recipe, *where],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def _wait(process: "subprocess.Popen[bytes]", output: Path, epochs: int) -> None:
    """Until so many epochs are kept; the log has a line more."""
    log = output / "log.csv"
    while epochs and process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") > epochs):
        time.sleep(0.01)


def _killed(folder: Path, output: Path, number: int, start_s: float, epoch_s: float, chance: random.Random) -> Kill:
    """Start it, kill it, and look what is kept."""
    before, epochs = _log(output), chance.randrange(4)
    and_s = chance.uniform(0, epoch_s if epochs else start_s)
    process = _train(folder, output)
    _wait(process, output, len(before) + epochs if epochs else 0)
    time.sleep(and_s)
    process.kill()
    process.wait()
    log = _log(output)
    row = Kill(
        kill=number,
        after_epochs=epochs,
        and_s=round(and_s, 2),
        kept_before=len(before),
        kept_after=len(log),
        is_repeated=log[: len(before)] != before,  # an epoch trained again would have taken another time
    )
    print(row)
    return row


def _log(output: Path) -> list[dict[str, object]]:
    path = output / "last.pth"
    return list(torch.load(path, weights_only=True)["log"]) if path.exists() else []


def _differing(one: Path, other: Path) -> list[str]:
    contents = [torch.load(folder / "last.pth", weights_only=True) for folder in (one, other)]
    found = [
        f"{entry}.{name}"
        for entry in ("state_dict", "state_dict_ema")
        for name, x in contents[0][entry].items()
        if not torch.equal(x, contents[1][entry][name])
    ]
    logs = [[{k: v for k, v in row.items() if k != _WHAT_IS_TIME} for row in each["log"]] for each in contents]
    return found + [f"epoch {a['epoch']}" for a, b in zip(*logs, strict=True) if a != b]


if __name__ == "__main__":
    sys.exit(main())
