import importlib.util

import pytest
import torch
from torch import nn

from exporters import CoreMLConfig
from exporters.coreml.deployed import Deployed
from models import Preprocessing

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


def test_an_images_bytes_and_its_normalized_tensor_give_the_same(small: nn.Module) -> None:
    own = Preprocessing(mean=(0.5, 0.25, 0.125), std=(0.1, 0.2, 0.3))
    image = torch.randint(0, 256, (1, 3, 32, 32)).float()
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (own.mean, own.std))
    deployed = Deployed(small, CoreMLConfig(image_size=32, softmax=True), own).eval()
    with torch.inference_mode():
        expected = small((image / 255 - mean) / std).softmax(dim=1)
        torch.testing.assert_close(deployed(image), expected, rtol=1e-5, atol=1e-6)
