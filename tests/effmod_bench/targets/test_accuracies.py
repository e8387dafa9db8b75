"""What an accuracy is of."""

import msgspec
import pytest

from effmod_bench.targets.accuracies import of_timed
from tests.fakes import timed_artifact

TRAINED = "one.pth (sha256 0123456789ab)"


@pytest.mark.parametrize("name", ["efficientmod_xxs", "timm:resnet50", "efficientmod_iso(dim=64)"])
def test_a_network_of_effmods_with_the_same_weights_is_as_accurate_in_another_file(name: str) -> None:
    artifact = msgspec.structs.replace(timed_artifact(name), weights=TRAINED)
    assert of_timed(artifact).holds_for(msgspec.structs.replace(artifact, sha256="9" * 64))


@pytest.mark.parametrize("name", ["net.py:one", "net.py:one(width=4)", "somebodys_net"])
def test_a_function_or_a_plug_ins_network_may_be_other_code_by_its_name_and_only_the_file_counts(name: str) -> None:
    artifact = msgspec.structs.replace(timed_artifact(name), weights=TRAINED)
    own = of_timed(artifact)
    assert own.holds_for(artifact)
    assert not own.holds_for(msgspec.structs.replace(artifact, sha256="9" * 64))
