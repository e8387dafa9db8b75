"""Parameters and multiply-adds are those that were measured on the reference implementations, beside the paper's."""

import pytest

from models.dense.build import count_dense
from models.dense.spec import BACKBONES, find_dense

# By backbone: millions of parameters of Mask R-CNN, with torchvision's heads, and of Semantic FPN; billions of
# multiply-adds of the latter at 512x512, without and with the products of attention.
MEASURED = {
    "resnet18": (31.33, 15.43, 31.0, 31.0),
    "poolformer_s12": (31.57, 15.67, 31.0, 31.0),
    "efficientmod_s_conv": (32.60, 16.69, 29.0, 29.0),
    "pvt_tiny": (32.89, 16.98, 31.2, 33.3),
    "efficientformer_l1": (31.51, 15.61, 28.2, 28.2),
    "pvt_v2_b1": (33.67, 17.76, 32.2, 34.3),
    "efficientformerv2_s2": (32.20, 16.29, 27.8, 28.6),
    "efficientmod_s": (32.63, 16.73, 28.17, 30.5),
}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_mask_rcnn_has_the_measured_parameters(backbone: str) -> None:
    complexity = count_dense(*find_dense(f"mask_rcnn:{backbone}"))
    assert round(complexity.params / 1e6, 2) == MEASURED[backbone][0]


@pytest.mark.parametrize("backbone", BACKBONES)
def test_semantic_fpn_has_the_measured_parameters_and_multiply_adds(backbone: str) -> None:
    complexity = count_dense(*find_dense(f"semantic_fpn:{backbone}"))
    _, params_m, without_attention_g, with_attention_g = MEASURED[backbone]
    assert round(complexity.params / 1e6, 2) == params_m
    # Counters differ in norms and upsampling.
    assert (complexity.macs - complexity.attention_macs) / 1e9 == pytest.approx(without_attention_g, abs=0.1)
    assert complexity.macs / 1e9 == pytest.approx(with_attention_g, abs=0.1)


def test_both_modes_are_counted_alike() -> None:
    dummy, full = (count_dense(*find_dense(f"mask_rcnn:pvt_tiny{mode}")) for mode in ("", "+full"))
    assert dummy == full
    assert dummy.attention_macs == count_dense(*find_dense("semantic_fpn:pvt_tiny")).attention_macs > 0
