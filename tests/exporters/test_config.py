from typing import Any

import msgspec
import pytest

from exporters import Compression, CoreMLConfig, DeploymentTarget, InputKind, OnnxConfig
from exporters.config import ExportConfig
from exporters.rewrites import EXACT


@pytest.mark.parametrize(("field", "value"), [("batch_size", 0), ("opset", 17)])
def test_a_config_out_of_range_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        msgspec.convert({"image_size": 224, field: value}, OnnxConfig)


@pytest.mark.parametrize("config", [OnnxConfig(image_size=64), CoreMLConfig(image_size=64, labels=("a", "b"))])
def test_a_config_in_json_says_its_format(config: ExportConfig) -> None:
    encoded = msgspec.json.encode(config)
    assert msgspec.json.decode(encoded)["format"] == config.format
    assert msgspec.json.decode(encoded, type=ExportConfig) == config


def test_a_rewritten_network_has_a_fixed_batch() -> None:
    with pytest.raises(ValueError, match="fixed batch"):
        OnnxConfig(image_size=32, dynamic_batch=True, rewrites=EXACT)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"batch_size": 0}, "batch_size is at least 1"),
        ({"batch_size": 2}, "an image input holds one image"),
        ({"batch_size": 2, "input": InputKind.TENSOR, "labels": ("a",)}, "a classifier takes one image"),
        ({"compress": Compression.INT8, "target": DeploymentTarget.IOS15}, "need the target iOS16"),
        ({"modelbench": True}, "ModelBench takes the target iOS15"),
        ({"modelbench": True, "target": DeploymentTarget.IOS15, "input": InputKind.TENSOR}, "ModelBench takes"),
        ({"modelbench": True, "target": DeploymentTarget.IOS15, "labels": ("a",)}, "takes no classifier"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CoreMLConfig(image_size=32, **choices)
