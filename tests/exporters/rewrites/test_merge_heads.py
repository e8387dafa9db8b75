import pytest
import torch
from torch import nn

from tests.exporters.rewrites.support import TOLERANCE, filled, max_error, operators, rewritten, zoo


@pytest.mark.parametrize("name", ["efficientformer_l1", "efficientformerv2_s0"])
def test_two_heads_on_one_feature_become_one(name: str) -> None:
    model = zoo(name, 224)
    whole, _ = rewritten(model, size=224)
    network, (report,) = rewritten(model, "merge_heads", size=224)
    assert report.count == 1
    assert operators(network)["div"] == 0
    assert operators(whole)["linear"] == 1
    assert max_error(model, network, 224) < TOLERANCE
    assert max_error(model, whole, 224) < TOLERANCE


def test_two_heads_on_two_tokens_become_one_of_twice_the_width() -> None:
    model = zoo("deit_tiny", 224)
    network, (report,) = rewritten(model, "merge_heads", size=224)
    assert report.count == 1
    heads = [node for node in network.graph.nodes if node.op == "call_function"][-1:]
    assert network.get_parameter(str(heads[0].args[1].target)).shape == (1000, 2 * 192)
    assert max_error(model, network, 224) < TOLERANCE


class TwoHeads(nn.Module):
    """Two classifiers on one feature; `extra` uses one's logits on their own as well."""

    def __init__(self, *, extra: bool) -> None:
        super().__init__()
        self.extra = extra
        self.head = nn.Linear(3, 5)
        self.head_dist = nn.Linear(3, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.mean((2, 3))
        first, second = self.head(x), self.head_dist(x)
        average = (first + second) * 0.5
        return torch.cat((average, first), 1) if self.extra else average


def test_a_half_is_an_average_too() -> None:
    model = filled(TwoHeads(extra=False))
    network, (report,) = rewritten(model, "merge_heads")
    assert report.count == 1
    assert operators(network)["linear"] == 1
    assert max_error(model, network) < TOLERANCE


def test_a_head_that_is_read_on_its_own_stays() -> None:
    model = filled(TwoHeads(extra=True))
    network, (report,) = rewritten(model, "merge_heads")
    assert report.count == 0
    assert report.skipped == ("head: its logits are used on their own too",)
    assert operators(network)["linear"] == 2
    assert max_error(model, network) == 0
