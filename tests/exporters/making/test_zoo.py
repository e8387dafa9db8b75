"""One network of each family becomes a file that computes the same. `make check-zoo` does it for all of them."""

import onnx
import pytest

import models
from exporters import Format, OnnxConfig, count_operators, obtain
from exporters.rewrites import AUTO
from models import ModelSpec, list_models
from tests.benchmarks.zoo_parity import EXCEPTIONS, export

AUTO_ONNX = AUTO[Format.ONNX]
OF_TABLES = [spec for spec in list_models() if spec.tables]
SMALLEST_OF_EACH_FAMILY = list({spec.family: spec for spec in sorted(OF_TABLES, key=lambda s: -s.macs)}.values())


def test_no_network_is_excused() -> None:
    assert EXCEPTIONS == {}


@pytest.mark.parametrize("spec", SMALLEST_OF_EACH_FAMILY, ids=lambda spec: spec.name)
def test_the_file_computes_what_the_network_computes(spec: ModelSpec) -> None:
    parity = export(spec).artifact.parity
    assert parity.relative_error < 1e-4
    assert parity.top1_agreement == 1
    assert parity.output_change > 0.01


def test_repeat_and_reshape_are_two_graphs_and_the_rewrites_take_both() -> None:
    plain, name = OnnxConfig(image_size=42), "efficientmod_iso(depth=1, dim=18{})"
    repeat, reshape = (obtain(models.find_model(name.format(more)), plain) for more in ("", ", reshape=True"))
    rewritten = obtain(models.find_model(name.format(", reshape=True")), OnnxConfig(image_size=42, rewrites=AUTO_ONNX))
    assert [made.artifact.form for made in (repeat, reshape, rewritten)] == ["plain", "plain", "rewritten"]
    copying = [
        sum(count_operators(made.path)[kind] for kind in ("Tile", "Expand", "Concat"))
        for made in (repeat, reshape, rewritten)
    ]
    assert copying == [1, 0, 0]
    assert repeat.artifact.unaligned_channels == rewritten.artifact.unaligned_channels == (18,)
    # And each sidecar says of which module the file's operators are.
    modules = {path for path, _ in models.create_model(name.format("")).named_modules()}
    for made in (repeat, reshape, rewritten):
        known = {operator for names in made.artifact.modules.values() for operator in names}
        left = [node.op_type for node in onnx.load(made.path).graph.node if node.name not in known]
        assert set(left) <= {"Split"}
        assert {"head", "layers.0.blocks.0.mlp.fc2"} <= set(made.artifact.modules) <= modules
