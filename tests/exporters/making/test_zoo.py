"""One network of each family becomes a file that computes the same. `make check-zoo` does it for all of them."""

import pytest

from models import ModelSpec, list_models
from tests.benchmarks.zoo_parity import EXCEPTIONS, export

SMALLEST_OF_EACH_FAMILY = list({spec.family: spec for spec in sorted(list_models(), key=lambda s: -s.macs)}.values())


def test_no_network_is_excused() -> None:
    assert EXCEPTIONS == {}


@pytest.mark.parametrize("spec", SMALLEST_OF_EACH_FAMILY, ids=lambda spec: spec.name)
def test_the_file_computes_what_the_network_computes(spec: ModelSpec) -> None:
    parity = export(spec).artifact.parity
    assert parity.relative_error < 1e-4
    assert parity.top1_agreement == 1
    assert parity.output_change > 0.01
