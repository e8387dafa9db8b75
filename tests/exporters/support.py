import importlib.util

import pytest
import torch
from torch import nn

from exporters import CoreMLConfig, OnnxConfig


class Small(nn.Module):
    """A network that exports in a second."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.nn.functional.gelu(self.conv(x)).mean(dim=(2, 3)))


# The smallest image that xxs takes: these tests are about files, not about pixels.
CONFIG = OnnxConfig(image_size=32, simplify=False)
COREML = CoreMLConfig(image_size=32)
needs_coremltools = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)
