"""Each workaround mends what it says, and does no harm when it is done twice."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from exporters import ComputePrecision, ExportError, InputKind
from exporters.coreml import workarounds as coreml_workarounds
from exporters.coreml.package import read_specification
from exporters.coreml.tools import import_coremltools
from tests.exporters.coreml.support import operators, write

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


class Pooled(nn.Module):
    """Ends as a classifier does: (N, 3, H, W) to (N, 3)."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.change(x).mean(dim=(2, 3))


def test_a_traced_size_becomes_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("traced only")

    def roll(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], 3, -1, int(x.shape[3]) // 2)

    monkeypatch.setattr(torch.export, "export", fail)
    path = write(Pooled(roll).eval(), tmp_path / "x.mlpackage")
    assert read_specification(path).description.output[0].name == "logits"


def test_an_array_of_one_number_is_cast() -> None:
    import_coremltools()
    from coremltools.converters.mil import Builder as mb  # noqa: N813 - coremltools' own abbreviation
    from coremltools.converters.mil.frontend.torch import ops

    class Context:
        found: Any = None

        def __init__(self, value: Any) -> None:
            self.value = value

        def add(self, result: Any, _: str) -> None:
            self.found = result

    class Node:
        name = "size"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ops, "_get_inputs", lambda context, *_, **__: [context.value])
        found = []

        @mb.program(input_specs=[mb.TensorSpec(shape=(1,))])  # type: ignore[untyped-decorator]
        def _(x: Any) -> Any:
            for value in (np.array([7], np.int32), np.int32(7)):
                context = Context(mb.const(val=value))
                ops._cast(context, Node(), int, "int32")
                found.append(int(context.found.val))
            return x

    assert found == [7, 7]


def test_alias_is_another_name_for_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("exported only")

    # As torch 2.15 leaves it by itself: no trace may step in for what is exported.
    monkeypatch.setattr(torch.jit, "trace", fail)
    named, plain = Pooled(torch.ops.aten.alias.default).eval(), Pooled(nn.Identity()).eval()
    exported = torch.export.export(named, (torch.zeros(1, 3, 32, 32),)).run_decompositions({})
    assert torch.ops.aten.alias.default in [node.target for node in exported.graph.nodes]
    found, expected = (
        [operator.type for operator in operators(write(model, tmp_path / f"{name}.mlpackage"))]
        for name, model in (("named", named), ("plain", plain))
    )
    assert found == expected


def test_without_the_workaround_alias_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_coremltools()
    from coremltools.converters.mil.frontend.torch import torch_op_registry

    monkeypatch.delitem(torch_op_registry._TORCH_OPS_REGISTRY.name_to_func_mapping, "alias")
    monkeypatch.setattr(coreml_workarounds, "apply", lambda: None)
    with pytest.raises(ExportError, match="alias"):
        write(Pooled(torch.ops.aten.alias.default).eval(), tmp_path / "x.mlpackage")


def test_an_affine_by_channel_stays_exact(tmp_path: Path) -> None:
    scale, bias = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), torch.tensor([4.0, 5.0, 6.0]).view(1, 3, 1, 1)
    model = Pooled(lambda x: x * scale + bias).eval()
    path = write(model, tmp_path / "x.mlpackage", compute_precision=ComputePrecision.FLOAT32, input=InputKind.TENSOR)
    kinds = [operator.type for operator in operators(path)]
    assert (kinds.count("mul"), kinds.count("add"), kinds.count("batch_norm")) == (1, 1, 0)


def test_doing_it_again_changes_nothing() -> None:
    import_coremltools()
    from coremltools.converters.mil.frontend.torch import ops

    before = ops._cast
    coreml_workarounds.apply()
    assert ops._cast is before
