from pathlib import Path

import pytest

from exporters import (
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    Format,
    InputKind,
    OnnxConfig,
)
from exporters.config import ExportConfig
from exporters.formats import FORMATS, file_name, format_of
from exporters.rewrites import AUTO
from tests.fakes import write_onnx

ONNX_REWRITES, COREML_REWRITES = AUTO[Format.ONNX], AUTO[Format.COREML]
CONFIGS: dict[Format, ExportConfig] = {
    Format.ONNX: OnnxConfig(image_size=224),
    Format.COREML: CoreMLConfig(image_size=224),
}


def test_every_format_has_its_row() -> None:
    assert list(FORMATS) == list(Format) == list(CONFIGS)


@pytest.mark.parametrize("format_", Format)
def test_a_file_is_named_and_known_by_its_suffix(format_: Format, tmp_path: Path) -> None:
    path = tmp_path / file_name("net", CONFIGS[format_], 224)
    assert path.suffix == FORMATS[format_].SUFFIX
    if FORMATS[format_].IS_FOLDER:
        path.mkdir()
    assert format_of(path) is FORMATS[format_]


def test_what_has_no_suffix_of_ours_is_known_by_being_a_folder_or_not(tmp_path: Path) -> None:
    assert format_of(tmp_path) is FORMATS[Format.COREML]
    assert format_of(tmp_path / "gone") is FORMATS[Format.ONNX]
    folder = tmp_path / "x.onnx"
    folder.mkdir()
    assert format_of(folder) is FORMATS[Format.COREML]


def test_a_format_reads_what_a_file_takes_and_gives(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", operator="Relu", nodes=1)
    inputs, outputs = format_of(path).read_tensors(path)
    assert [len(tensors) for tensors in (inputs, outputs)] == [1, 1]
    assert inputs[0].shape == outputs[0].shape


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (OnnxConfig(image_size=224, rewrites=ONNX_REWRITES), "net.onnx"),
        (OnnxConfig(image_size=224), "net-plain.onnx"),
        (OnnxConfig(image_size=224, rewrites=("batch_norm",)), "net-batch_norm.onnx"),
        (OnnxConfig(image_size=64, dynamic_batch=True), "net-64px-dynamic.onnx"),
        (OnnxConfig(image_size=224, compute_precision=ComputePrecision.FLOAT16), "net-float16.onnx"),
        (
            OnnxConfig(image_size=224, compute_precision=ComputePrecision.FLOAT16, rewrites=ONNX_REWRITES),
            "net-rewritten-float16.onnx",
        ),
        (CoreMLConfig(image_size=224, rewrites=COREML_REWRITES), "net.mlpackage"),
        (CoreMLConfig(image_size=224), "net-plain.mlpackage"),
        (CoreMLConfig(image_size=224, rewrites=COREML_REWRITES, target=DeploymentTarget.IOS17), "net-iOS17.mlpackage"),
        (
            CoreMLConfig(
                image_size=64,
                batch_size=2,
                input=InputKind.TENSOR,
                compute_precision=ComputePrecision.FLOAT32,
                rewrites=COREML_REWRITES,
            ),
            "net-64px-b2-float32-tensor.mlpackage",
        ),
        (
            CoreMLConfig(
                image_size=224, softmax=True, labels=("a",), compress=Compression.INT8, rewrites=COREML_REWRITES
            ),
            "net-softmax-classifier-int8.mlpackage",
        ),
        (
            CoreMLConfig(image_size=64, target=DeploymentTarget.IOS15, modelbench=True, rewrites=COREML_REWRITES),
            "net_64px_modelbench.mlpackage",
        ),
    ],
)
def test_a_name_holds_what_is_not_the_default(config: ExportConfig, name: str) -> None:
    assert file_name("net", config, 224) == name


@pytest.mark.parametrize(
    ("model", "name"), [("timm:a.b-c", "timm_a_b_c_modelbench"), ("path/2d.py:net", "Model_2d_py_net_modelbench")]
)
def test_modelbench_gets_the_name_of_a_swift_class(model: str, name: str) -> None:
    config = CoreMLConfig(image_size=224, target=DeploymentTarget.IOS15, modelbench=True, rewrites=COREML_REWRITES)
    assert file_name(model, config, 224) == f"{name}.mlpackage"
    assert name.isidentifier()
