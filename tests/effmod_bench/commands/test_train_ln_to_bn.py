"""LN -> BN from images to a package: trained, retrained without LayerNorms, exported, and tried on images."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from exporters.making.create import create
from exporters.proof.parity import normalized
from models.zoo.batch_normed import NAME
from models.zoo.identity import identity_of
from models.zoo.photographs import read_photograph
from tests.effmod_bench.support import Run
from tests.exporters.support import needs_coremltools
from tests.images import write_images

NET = """
import models

def net(num_classes=10):
    small = {"dims": (8, 16), "depths": (1, 1), "attention_depths": (0, 1), "attention_mlp_ratios": (2, 2)}
    return models.create_model("efficientmod_xxs", num_classes=num_classes, **small)
"""
CLASSES = ("blue", "green", "red")
FEW = ("--data", "images", "--batch-size", "24", "--image-size", "32", "--workers", "0", "--device", "cpu")
REWRITE = ("--rewrite", f"{NAME},batch_norm", "--image-size", "32")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_images(tmp_path / "images", val=12, classes=CLASSES)
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train(quickly: Run, *arguments: str) -> str:
    done = quickly("train", *arguments, *FEW)
    assert done.returncode == 0, done.stderr
    return done.stderr


def network_scores(checkpoint: str) -> tuple[np.ndarray, list[int]]:
    """What the trained network gives for each image to validate on, by PyTorch, and the image's class."""
    spec = models.find_model("net.py:net(num_classes=3)", image_size=32)
    network, _ = create(spec, 32, Path(checkpoint), (NAME,))
    files = [(path, place) for place, name in enumerate(CLASSES) for path in sorted(Path("images/val", name).iterdir())]
    pixels = [read_photograph(path, spec.preprocessing, image_size=32) for path, _ in files]
    x = normalized(np.stack(pixels).astype(np.float32), spec.preprocessing)
    with torch.inference_mode():
        return network(torch.from_numpy(x)).numpy(), [place for _, place in files]


@needs_coremltools
def test_a_network_is_retrained_without_layer_norms_and_its_package_is_as_often_right(quickly: Run) -> None:
    train(quickly, "net.py:net", "--output", "ln", "--epochs", "8", "--lr", "0.01")
    told = train(quickly, "net.py:net_bn", "--teacher", "net.py:net=ln/best.pth", "--output", "bn", "--epochs", "2")
    assert "LN -> BN: net.py:net_bn begins with the weights of net.py:net(num_classes=3)" in told
    assert "the recipe 'layer_norm_to_batch_norm', 2 epochs" in told
    assert f"'effmod export net.py:net --rewrite {NAME},batch_norm --checkpoint bn/best.pth --image-size 32'" in told
    assert (identity := identity_of(Path("bn/best.pth"))) is not None
    assert (identity.name, identity.rewrites) == ("net.py:net(num_classes=3)", (NAME,))

    made = quickly("export", "net.py:net", "--checkpoint", "bn/best.pth", "--format", "coreml", *REWRITE, "-o", ".")
    assert made.returncode == 0, made.stderr
    package = made.stdout.strip()
    asked = ("--data", "images/val", "--against", "net.py:net", "--checkpoint", "bn/best.pth")
    proved = quickly("verify", package, *asked, "--output-format", "json")
    assert proved.returncode == 0, proved.stderr
    scores, labels = network_scores("bn/best.pth")
    right = int((scores.argmax(1) == labels).sum())
    assert right > 36 / 3  # it has learned something
    first, second = np.sort(scores, axis=1)[:, :-3:-1].T
    close = int((first - second < 5e-3 * np.abs(scores).max()).sum())
    rows = json.loads(proved.stdout)
    assert [row["precision"] for row in rows] == ["float32", "float16"]
    for row in rows:
        assert row["accuracy"]["images"] == 36
        assert abs(row["accuracy"]["right"] - right) <= close, (row, right)
    assert close < 6


def test_a_checkpoint_with_layer_norms_says_how_to_train_one_without(quickly: Run) -> None:
    torch.save(models.create_model("net.py:net").state_dict(), "ln.pth")
    done = quickly("export", "net.py:net", "--checkpoint", "ln.pth", *REWRITE)
    assert done.returncode == 2
    assert "effmod train net.py:net_bn --teacher net.py:net=ln.pth --data FOLDER' trains it" in done.stderr


def test_a_student_of_no_network_is_refused_by_its_own_name(quickly: Run) -> None:
    done = quickly("train", "nothing_bn", "--output", "bn", *FEW)
    assert (done.returncode, "no network 'nothing_bn'" in done.stderr) == (2, True), done.stderr


def test_another_teacher_is_no_ln_to_bn_and_that_is_said(quickly: Run) -> None:
    torch.save(models.create_model("net.py:net", num_classes=3).state_dict(), "ln.pth")
    with Path("net.py").open("a") as file:
        file.write("\ndef other(num_classes=3):\n    return net(num_classes)\n")
    done = quickly("train", "net.py:net_bn", "--teacher", "net.py:other=ln.pth", "--dry-run", *FEW)
    assert done.returncode == 0, done.stderr
    assert "warning: net.py:other is not net.py:net(num_classes=3), whose LayerNorms net.py:net_bn goes" in done.stderr


def test_a_network_without_layer_norms_is_no_student(quickly: Run) -> None:
    done = quickly("train", "timm:resnet10t_bn", "--output", "bn", *FEW)
    assert (done.returncode, "ResNet has no LayerNorm" in done.stderr) == (2, True), done.stderr
