import torch
from torch import nn

from tests.exporters.rewrites.support import TOLERANCE, filled, max_error, operators, rewritten, zoo


def test_a_batch_norm_behind_a_convolution_goes_into_it() -> None:
    model = zoo("efficientmod_xxs_conv_bn")
    network, (report,) = rewritten(model, "batch_norm")
    assert (report.count, report.skipped) == (64, ())
    assert operators(network)["batch_norm"] == 0
    assert operators(network)["conv2d"] == 64
    assert max_error(model, network) < TOLERANCE


def test_a_batch_norm_behind_a_linear_layer_goes_into_it() -> None:
    model = filled(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 8, bias=False), nn.BatchNorm1d(8)))
    network, (report,) = rewritten(model, "batch_norm")
    assert report.count == 1
    assert max_error(model, network) < TOLERANCE


def test_a_batch_norm_goes_into_an_unpadded_grouped_convolution_behind_it() -> None:
    model = filled(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3, groups=3), nn.Flatten()))
    network, (report,) = rewritten(model, "batch_norm")
    assert report.count == 1
    assert operators(network)["batch_norm"] == 0
    assert max_error(model, network) < TOLERANCE


def test_a_batch_norm_goes_into_the_classifier_through_the_average() -> None:
    model = filled(
        nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        )
    )
    network, (report,) = rewritten(model, "batch_norm")
    assert report.count == 1
    assert max_error(model, network) < TOLERANCE


def test_a_batch_norm_before_a_padded_convolution_stays() -> None:
    model = filled(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1), nn.Flatten()))
    network, (report,) = rewritten(model, "batch_norm")
    assert report.count == 0
    assert report.skipped == ("1: no convolution before, and the convolution behind it, 2, is padded",)
    assert operators(network)["batch_norm"] == 1
    assert max_error(model, network) == 0


def test_a_batch_norm_stays_where_the_convolution_is_read_elsewhere_too() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            return (x + self.norm(x)).flatten(1)

    model = filled(Residual())
    network, (report,) = rewritten(model, "batch_norm")
    assert report.skipped == ("norm: the output before it is used elsewhere too, and behind it comes add at add",)
    assert max_error(model, network) == 0
