"""One network of each family becomes a file that computes the same. `make check-zoo` does it for all of them."""

import pytest

import models
from exporters import Format, OnnxConfig, count_operators, obtain
from exporters.rewrites import AUTO
from models import ModelSpec, list_models
from tests.benchmarks.zoo_parity import EXCEPTIONS, export

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


@pytest.mark.parametrize("rewrites", [(), AUTO[Format.ONNX]], ids=["plain", "rewritten"])
def test_repeat_and_reshape_are_two_graphs_in_either_form(rewrites: tuple[str, ...]) -> None:
    config = OnnxConfig(image_size=42, rewrites=rewrites)
    name = "efficientmod_iso(depth=1, dim=18{})"
    repeat, reshape = (obtain(models.find_model(name.format(more)), config) for more in ("", ", reshape=True"))
    assert repeat.artifact.form == reshape.artifact.form == ("rewritten" if rewrites else "plain")
    assert repeat.artifact.sha256 != reshape.artifact.sha256
    assert repeat.artifact.unaligned_channels == reshape.artifact.unaligned_channels == (18,)
    repeats, reshapes = count_operators(repeat.path), count_operators(reshape.path)
    copying = ("Tile", "Expand", "Concat")
    assert sum(repeats[kind] for kind in copying) == 1
    assert sum(reshapes[kind] for kind in copying) == 0
    assert reshapes["Reshape"] > repeats["Reshape"]
