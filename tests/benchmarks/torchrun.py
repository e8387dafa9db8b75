"""Do the processes of torchrun train one network together?

    python -m tests.benchmarks.torchrun

Trains a small network on a small folder of images with `effmod train`, with two processes that torchrun starts, ends
them after their first epoch and goes on with --resume. Then: whether only the first process speaks and keeps files,
whether each epoch is trained once and of all images, whether what the log says of the last one is what one process
finds for the weights that were kept, and whether these are those of two processes that nobody ended, bit for bit.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from models.training.data import read_images, validation_batches
from models.training.world import World
from models.zoo.spec import Preprocessing
from tests.images import CLASSES, NETWORK, Small, write_images

EFFMOD = Path(sys.executable).parent / "effmod"
PROCESSES = 2
EPOCHS = 8
TRAIN, VAL = 8, 5  # images of a class: processes share the second kind unevenly


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images", train=TRAIN, val=VAL)
        (folder / "net.py").write_text(NETWORK)
        said = _train(folder, "whole")
        _until_first_epoch(folder, "broken")
        _train(folder, "broken")
        log = _log(folder, "whole")
        alone = _top1(folder, "whole")
        epochs = list(range(1, EPOCHS + 1))
        found = {
            f"each of {EPOCHS} epochs is trained once": [int(row["epoch"]) for row in log] == epochs,
            "of all images": {row["images"] for row in log} == {str(TRAIN * len(CLASSES))},
            "and told by one process": said.count("epoch 1: loss") == 1,
            f"which tells {float(log[-1]['top1']):.2f} % of its weights, one process {alone:.2f} %": (
                abs(float(log[-1]["top1"]) - alone) < 1e-9
            ),
            "resumed, it has the weights of a run that nobody ended": _are_equal(folder / "whole", folder / "broken"),
        }
    for claim, is_so in found.items():
        print(f"{claim}: {'yes' if is_so else 'NO'}")
    return 0 if all(found.values()) else 1


def _command(output: str) -> list[str]:
    recipe = ["--batch-size", "8", "--epochs", str(EPOCHS), "--lr", "0.0003", "--image-size", "32"]
    where = ["--output", output, "--resume", "--device", "cpu", "--workers", "0"]
    return [str(EFFMOD), "train", "net.py:net", "--data", "images", *recipe, *where]


def _start(folder: Path, output: str) -> "subprocess.Popen[str]":
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES)]
    return subprocess.Popen(
        [*torchrun, "--no-python", *_command(output)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _train(folder: Path, output: str) -> str:
    """What it said."""
    process = _start(folder, output)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"torchrun ended with {process.returncode}:\n{said}")
    return said


def _until_first_epoch(folder: Path, output: str) -> None:
    process = _start(folder, output)
    while process.poll() is None and not (folder / output / "log.csv").exists():
        time.sleep(0.01)
    process.terminate()  # torchrun ends those that it has started: they are sessions of their own
    process.communicate()
    print(f"ended after {len(_log(folder, output))} of {EPOCHS} epochs")


def _log(folder: Path, output: str) -> list[dict[str, str]]:
    with (folder / output / "log.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _top1(folder: Path, output: str) -> float:
    """Of the network's last weights, in percent, as this process alone finds it."""
    images = read_images(folder / "images")
    network = Small()
    network.load_state_dict(_last(folder / output)["state_dict"])
    device = torch.device("cpu")
    batches = validation_batches(
        images, Preprocessing(), image_size=32, batch_size=8, workers=0, device=device, world=World()
    )
    network.eval()
    with torch.no_grad():
        right = sum(int((network(x).argmax(1) == target).sum()) for x, target in batches.of_epoch(0))
    return 100 * right / len(images.val.samples)


def _last(folder: Path) -> dict[str, Any]:
    return dict(torch.load(folder / "last.pth", weights_only=True))


def _are_equal(one: Path, other: Path) -> bool:
    contents = [_last(folder) for folder in (one, other)]
    return all(
        torch.equal(x, contents[1][entry][name])
        for entry in ("state_dict", "state_dict_ema")
        for name, x in contents[0][entry].items()
    )


if __name__ == "__main__":
    sys.exit(main())
