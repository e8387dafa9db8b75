"""The smallest network that says whether a runtime works: one convolution. `effmod doctor` runs it."""

from torch import nn


def convolution() -> nn.Module:
    """(N, 3, 8, 8) to (N, 8, 6, 6)."""
    return nn.Conv2d(3, 8, kernel_size=3)
