import pytest
import torch
from torch import Tensor, nn
from torch.export import default_decompositions

pytest.importorskip("coremltools", reason="coremltools has no wheel for this platform and Python")

from exporters.coreml.decompositions import of_unknown
from exporters.coreml.tools import import_coremltools

aten = torch.ops.aten


def test_what_coremltools_lacks_is_taken_apart_and_what_it_knows_is_not() -> None:
    import_coremltools()
    table = of_unknown()
    assert {aten.addcmul.default, aten.lerp.Scalar, aten.lerp.Tensor, aten.channel_shuffle.default} <= table.keys()
    known = {aten.gelu.default, aten.native_layer_norm.default, aten.pixel_shuffle.default, aten.alias.default}
    assert not known & table.keys()
    assert table.keys() - {aten.unfold.default} < set(default_decompositions())


def test_lerp_by_a_number_makes_no_choice() -> None:
    class Mixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.lerp(x, x.flip(1), 0.3)

    import_coremltools()
    x = torch.randn(1, 4)
    program = torch.export.export(Mixed(), (x,)).run_decompositions(of_unknown())
    assert "where" not in str(program.graph)
    torch.testing.assert_close(program.module()(x), Mixed()(x))


@pytest.mark.parametrize(("dimension", "size", "step"), [(2, 3, 2), (-1, 4, 3), (3, 2, 1)])
def test_overlapping_windows_taken_apart_are_those_of_torch(dimension: int, size: int, step: int) -> None:
    import_coremltools()
    x = torch.randn(2, 3, 9, 11)
    assert torch.equal(of_unknown()[aten.unfold.default](x, dimension, size, step), x.unfold(dimension, size, step))
