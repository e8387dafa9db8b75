import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.targets.limits import check_image_sizes, check_labels
from models import find_model

SPEC = find_model("efficientmod_xxs")


@pytest.mark.parametrize("choices", [ExportChoices(image_size=224_000), ExportChoices(batch_size=10**9)])
def test_more_images_than_a_machine_holds_are_refused_before_the_export(choices: ExportChoices) -> None:
    with pytest.raises(TargetError, match=r"resnet18: to make input .* of memory; give a smaller"):
        check_image_sizes(choices, [find_model("resnet18")])


def test_labels_of_a_network_that_must_be_built_to_be_counted_are_not_refused() -> None:
    own = msgspec.structs.replace(SPEC, name="own.py:build", factory="own.py:build", family="own")
    check_labels(ExportChoices(labels=("cat", "dog")), [own])
    check_labels(ExportChoices(labels=tuple(map(str, range(1000)))), [own, SPEC])
