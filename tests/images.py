"""A small folder of images to train on, and a network of a few hundred parameters that learns it."""

import inspect
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor, nn

CLASSES = ("1", "2", "10")  # torchvision's order would be 1, 10, 2


class Small(nn.Module):
    """With what makes training random, and what a checkpoint must keep: dropout, and BatchNorm's statistics."""

    def __init__(self, num_classes: int = len(CLASSES)) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1))
        self.num_classes = num_classes
        self.head = nn.Linear(8, num_classes)

    def reset_classifier(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.head = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


NETWORK = f"""
from torch import Tensor, nn

CLASSES = {CLASSES!r}

{inspect.getsource(Small)}

def net(num_classes=len(CLASSES)):
    return Small(num_classes)
"""


def write_images(folder: Path, *, train: int = 8, val: int = 4, classes: tuple[str, ...] = CLASSES) -> Path:
    """So many images of each class: noise, each class in a colour of its own."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for number, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 80, (36, 36, 3), dtype=np.uint8)
                pixels[..., number % 3] += 150
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")
    return folder
