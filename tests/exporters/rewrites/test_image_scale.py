import copy

import torch
from torch import Tensor, nn

from exporters.rewrites import apply, fold_image_scale
from exporters.rewrites.graph import Network
from tests.exporters.rewrites.support import SIZE, zoo

SCALE = torch.tensor([2.0, 0.5, 3.0])


class TwoStems(nn.Module):
    """Two convolutions read the image, one of them grouped and padded; where `skip` says so, an addition does too."""

    def __init__(self, *, skip: bool = False) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.dense = nn.Conv2d(3, 3, 3, padding=1)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x) * self.dense(x)
        return (y + x if self.skip else y).mean(dim=(2, 3))


def rewritten(model: nn.Module, size: int) -> Network:
    network, _ = apply(model, size)
    assert isinstance(network, Network)
    return network


def test_the_scale_goes_into_every_convolution_that_reads_the_image() -> None:
    network = rewritten(TwoStems().eval(), 16)
    folded = fold_image_scale(network, SCALE)
    assert folded is not None
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(folded(x), network(x * SCALE.view(1, 3, 1, 1)), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(folded(x), network(x), rtol=1e-2)
    assert len(folded.graph.nodes) == len(network.graph.nodes)


def test_efficientmod_and_its_padded_stem_stay_the_same() -> None:
    network = rewritten(zoo("efficientmod_xxs"), SIZE)
    before = copy.deepcopy(network)
    folded = fold_image_scale(network, SCALE)
    assert folded is not None
    x = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    expected = network(x * SCALE.view(1, 3, 1, 1))
    assert (folded(x) - expected).abs().max() < 1e-5 * expected.abs().max()
    torch.testing.assert_close(network(x), before(x), rtol=0, atol=0)  # the network itself is not touched


def test_an_image_that_is_read_as_it_is_keeps_its_scale() -> None:
    network = rewritten(TwoStems(skip=True).eval(), 16)
    assert fold_image_scale(network, SCALE) is None
