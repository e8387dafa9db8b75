import pytest
import torch

from models.dense.backbones import create_backbone
from models.dense.spec import BACKBONES


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_gives_four_maps_of_strides_4_to_32_for_images_that_are_no_squares(name: str) -> None:
    with torch.device("meta"):
        backbone, channels = create_backbone(name, (96, 160))
        maps = backbone.eval()(torch.zeros(1, 3, 96, 160))
    expected = [(1, width, 96 // stride, 160 // stride) for width, stride in zip(channels, (4, 8, 16, 32), strict=True)]
    assert [tuple(x.shape) for x in maps] == expected
