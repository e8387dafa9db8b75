"""One small network, for tests of what happens to any: it is exported, and compiled, in a quarter of xxs's time."""

from collections import OrderedDict

from torch import nn

import models

IMAGE_SIZE = 32
TARGET = f"{__file__}:small"
SMALL = (TARGET, "--image-size", str(IMAGE_SIZE))
"""As a command is given it."""


def small() -> nn.Module:
    """Convolutions, an activation, a norm, and a linear layer: (N, 3, 32, 32) to (N, 10)."""
    network = nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(3, 16, kernel_size=3, stride=4),
            act=nn.GELU(),
            depthwise=nn.Conv2d(16, 16, kernel_size=5, padding=2, groups=16),
            norm=nn.BatchNorm2d(16),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(16, 10),
        )
    )
    models.fill(network, image_size=IMAGE_SIZE)
    return network
