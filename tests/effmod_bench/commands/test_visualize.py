"""`effmod visualize` as a user meets it, on a network small enough to run at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import models
from models.efficientmod import EfficientMod
from models.zoo.images import natural_pixels
from tests.effmod_bench.support import Run

NETWORK = """
def small(image_size=32):
    from models.efficientmod import EfficientMod
    return EfficientMod(dims=(8, 8), depths=(1, 2), attention_depths=(0, 0), ratios=(1, 3))


def plain(image_size=32):
    from torch import nn
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NETWORK)
    image = Image.fromarray(natural_pixels(1, (40, 60))[0].transpose(1, 2, 0).astype(np.uint8))
    image.save("dog.jpg")
    Path("other").mkdir()
    image.save("other/dog.png")


def test_an_image_gets_a_picture_that_is_named_after_it(quickly: Run) -> None:
    done = quickly("visualize", "dog.jpg", "--model", "net.py:small")
    assert (done.returncode, done.stdout) == (0, "dog-maps.png\n")
    assert "weights: the function's own" in done.stderr
    with Image.open("dog-maps.png") as picture:
        assert picture.width > 900


def test_random_weights_are_said_to_mean_nothing(quickly: Run) -> None:
    done = quickly("visualize", "dog.jpg", "--model", "net.py:small", "--weights", "random", "-o", "x.svg")
    assert done.returncode == 0
    assert "weights: random(seed 0)" in done.stderr
    assert "mean nothing" in done.stderr


def test_a_checkpoint_is_loaded_and_named(quickly: Run) -> None:
    model = EfficientMod(dims=(8, 8), depths=(1, 2), attention_depths=(0, 0), ratios=(1, 3))
    models.fill(model, image_size=32, seed=5)
    torch.save(model.state_dict(), "trained.pth")
    done = quickly("visualize", "dog.jpg", "--model", "net.py:small", "--checkpoint", "trained.pth", "--chunks", "1.1")
    assert done.returncode == 0, done.stderr
    assert "weights: trained.pth" in done.stderr
    assert "nothing" not in done.stderr


def test_of_several_images_one_that_is_broken_is_named_and_the_others_are_drawn(quickly: Run) -> None:
    Path("text.jpg").write_text("no image")
    images = ("dog.jpg", "text.jpg", "missing.png", "other/dog.png", "dog.jpg")
    done = quickly("visualize", *images, "--model", "net.py:small", "--output", "maps.pdf", "--contexts", "1.0, 0.0")
    assert done.returncode == 1
    assert done.stdout.split() == ["maps-dog.pdf", "maps-dog-2.pdf"]
    assert "2 of 4 images failed" in done.stderr
    assert "error: text.jpg: cannot read this image: it is of no kind that is known here" in done.stderr
    assert "error: missing.png: cannot read this image: it is not there" in done.stderr
    assert Path("maps-dog.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("missing.png",), 2, "missing.png: cannot read this image"),
        (("dog.jpg", "--model", "net.py:plain"), 2, "no EfficientMod block"),
        (("dog.jpg", "--contexts", "0.0,4.1"), 2, "no EfficientMod block '4.1'; it has 0.0, 1.0, 1.1"),
        (("dog.jpg", "--chunks", "2"), 2, "no EfficientMod block '2'"),
        (("dog.jpg", "--checkpoint", "net.py"), 2, "net.py is not a PyTorch checkpoint"),
        (("dog.jpg", "--checkpoint", "missing.pth"), 2, "missing.pth"),
        (("dog.jpg", "--checkpoint", "other=x.pth"), 2, "other is not what this is about, which is net.py:small"),
        (("dog.jpg", "--output", "maps.xyz"), 2, "choose .png"),
        (("dog.jpg", "--output", "nowhere/maps.png"), 5, "cannot write nowhere/maps.png"),
        (("dog.jpg", "other/dog.png", "--output", "dog.jpg", "dog-dog.jpg"), 2, "dog-dog.jpg is one of the images"),
        (("other/dog.png", "--output", "other/dog.png"), 2, "one of the images"),
        (("dog.jpg", "--image-size", "32,64"), 2, "give one"),
    ],
)
def test_what_cannot_be_drawn_says_why(arguments: tuple[str, ...], code: int, said: str, quickly: Run) -> None:
    model = () if "--model" in arguments else ("--model", "net.py:small")
    done = quickly("visualize", *arguments, *model)
    assert done.returncode == code
    assert said in done.stderr
    assert not list(Path().glob("*maps*"))
