"""A graph that is functional in plain words is taken as it is, and no other is; both give what the network gives."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exporters.rewrites.graph import trace

Act = Callable[[Tensor], Tensor]


class Net(nn.Module):
    """A convolution, and what a function does with its map (1, 4, 6, 6)."""

    def __init__(self, act: Act) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 4, 3), act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


def through_a_view(x: Tensor) -> Tensor:
    x.flatten(2).relu_()
    return x


TAKEN: dict[str, Act] = {
    "in place": lambda x: F.relu(x, inplace=True).mean((2, 3)),
    "in place, and read again": lambda x: F.relu(x, inplace=True) + x,
    "in place, twice": lambda x: F.silu(x.sigmoid().add_(x), inplace=True),
    "words for a reshape": lambda x: torch.unflatten(x.flatten(2), 2, (6, 6)).view(1, 4, 36).reshape(1, -1),
    "chunks": lambda x: torch.cat(x.flatten(2).chunk(5, -1)[::-1], -1),
    "expand_as": lambda x: x.mean((2, 3), keepdim=True).expand_as(x) * x,
    "a reshape that takes a copy": lambda x: x.permute(0, 2, 3, 1).reshape(1, 36, 4),
    "a norm": lambda x: F.batch_norm(x, x.new_zeros(4), x.new_ones(4)),
}
LEFT_TO_TORCH: dict[str, Act] = {
    "in place, and read before": lambda x: x.sigmoid() + x.relu_(),
    "in place, through a view": through_a_view,
    "in place, of two types": lambda x: x.sigmoid().add_(x.double()),
    "in place, with no word of ours": lambda x: x.mean((2, 3)).exp_(),
    "a reshape that takes a copy of a size left open": lambda x: x.permute(0, 2, 3, 1).reshape(1, -1, 4),
}


@pytest.mark.parametrize("name", [*TAKEN, *LEFT_TO_TORCH])
def test_torch_is_asked_for_a_functional_graph_where_it_must_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    original = torch.export.ExportedProgram.run_decompositions

    @functools.wraps(original)
    def run_decompositions(*arguments: Any) -> Any:
        made.append(original(*arguments))
        return made[-1]

    monkeypatch.setattr(torch.export.ExportedProgram, "run_decompositions", run_decompositions)
    model = Net((TAKEN | LEFT_TO_TORCH)[name]).eval()
    network = trace(model, 8, 1)
    assert bool(made) is (name in LEFT_TO_TORCH)
    targets = [node.target for node in network.graph.nodes if isinstance(node.target, torch._ops.OpOverload)]
    assert not any(target._schema.is_mutable for target in targets)
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network(x), model(x))


@pytest.mark.parametrize("name", TAKEN)
def test_a_graph_that_is_taken_as_it_is_has_the_operators_of_torchs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def operators() -> list[tuple[str, ...]]:
        nodes = trace(Net(TAKEN[name]).eval(), 8, 1).graph.nodes
        numbers = {node: f"%{i}" for i, node in enumerate(nodes)}
        return [(str(node.target), *(str(numbers.get(each, each)) for each in node.args)) for node in nodes]

    taken = operators()
    monkeypatch.setattr("exporters.rewrites.functional._is_functional", lambda _: False)
    assert taken == operators()
