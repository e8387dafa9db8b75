from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import exporters.coreml.export
from exporters import CoreMLConfig
from exporters.coreml.export import PackageMetadata
from exporters.coreml.package import read_specification
from models import Preprocessing

METADATA = PackageMetadata(
    model="small", paper="A paper", weights="random(seed 0)", rewrites=("fold_norm",), versions={"torch": "2"}
)


def write(model: nn.Module, path: Path, **choices: Any) -> Path:
    config = CoreMLConfig(image_size=32, **choices)
    exporters.coreml.export.export(model, path, config, Preprocessing(), METADATA)
    return path


def operators(path: Path) -> list[Any]:
    function = read_specification(path).mlProgram.functions["main"]
    return list(function.block_specializations[function.opset].operations)


def constant(path: Path, operator: Any, argument: str) -> Any:
    """The floats of a constant that an operator takes."""
    name = operator.inputs[argument].arguments[0].name
    (found,) = [candidate for candidate in operators(path) if candidate.outputs[0].name == name]
    return np.array(found.attributes["val"].immediateValue.tensor.floats.values, np.float32)
