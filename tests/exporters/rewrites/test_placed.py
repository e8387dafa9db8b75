from pathlib import Path

import onnx
import torch
from torch import nn

from exporters.onnx.modules import noted
from exporters.rewrites.placed import placed
from tests.exporters.rewrites.support import SIZE, filled, rewritten


class Block(nn.Module):
    """Two layers that share an activation, and a sum of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.act = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1), nn.GELU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.act(self.second(self.act(self.first(x))))


class Blocks(nn.Module):
    """(N, 3, H, W) to (N, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks, self.head = nn.Sequential(Block(), Block()), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(x).mean((2, 3)))


def _exported(network: nn.Module, path: Path) -> onnx.ModelProto:
    example = torch.zeros(1, 3, SIZE, SIZE)
    torch.onnx.export(network, (example,), path, dynamo=True, external_data=False, opset_version=20, verbose=False)
    return onnx.load(path)


def test_a_rewritten_network_notes_the_modules_of_its_operators_and_is_the_same_file_otherwise(tmp_path: Path) -> None:
    network, _ = rewritten(filled(Blocks()), "batch_norm")
    as_it_is = _exported(network, tmp_path / "a.onnx")
    graph = _exported(placed(network), tmp_path / "b.onnx")
    by_kind = [(node.op_type, noted(graph)[node.name]) for node in graph.graph.node]
    block = [("Conv", "first"), ("Gelu", "act"), ("Conv", "second"), ("Gelu", "act"), ("Add", "")]
    assert by_kind == [
        *((kind, f"blocks.{i}.{name}".removesuffix(".")) for i in range(2) for kind, name in block),
        ("ReduceMean", ""),
        ("Gemm", "head"),
    ]
    for model in (as_it_is, graph):
        for node in model.graph.node:
            node.ClearField("metadata_props")
        for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
            value.ClearField("metadata_props")
        model.ClearField("metadata_props")
        model.graph.ClearField("metadata_props")
    assert graph.SerializeToString() == as_it_is.SerializeToString()
