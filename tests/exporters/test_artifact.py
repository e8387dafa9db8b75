import os
from pathlib import Path

import msgspec
import pytest

from exporters import (
    ArtifactError,
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    Format,
    InputKind,
    OnnxConfig,
    read_sidecar,
)
from exporters.artifact import sidecar as artifact
from exporters.artifact.names import form_of
from exporters.config import ExportConfig
from exporters.formats import file_name
from exporters.rewrites import AUTO

ONNX_REWRITES, COREML_REWRITES = AUTO[Format.ONNX], AUTO[Format.COREML]


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


@pytest.mark.parametrize(
    ("config", "form"),
    [
        (OnnxConfig(image_size=64), "plain"),
        (OnnxConfig(image_size=64, compute_precision=ComputePrecision.FLOAT16), "plain+float16"),
        (CoreMLConfig(image_size=64, rewrites=COREML_REWRITES), "rewritten"),
        (CoreMLConfig(image_size=64, rewrites=("batch_norm",)), "batch_norm"),
        (CoreMLConfig(image_size=64, compute_precision=ComputePrecision.FLOAT32), "plain+float32"),
    ],
)
def test_a_form_says_what_is_not_the_formats_own_arithmetic(config: ExportConfig, form: str) -> None:
    assert form_of(config, rewritten=bool(config.rewrites)) == form


def test_a_form_is_plain_where_the_rewrites_asked_for_were_not_applied() -> None:
    config = OnnxConfig(image_size=64, compute_precision=ComputePrecision.FLOAT16, rewrites=ONNX_REWRITES)
    assert form_of(config, rewritten=True) == "rewritten+float16"
    assert form_of(config, rewritten=False) == "plain+float16"


@pytest.mark.parametrize("config", [OnnxConfig(image_size=64), CoreMLConfig(image_size=64, labels=("a", "b"))])
def test_a_config_in_json_says_its_format(config: ExportConfig) -> None:
    encoded = msgspec.json.encode(config)
    assert msgspec.json.decode(encoded)["format"] == config.format
    assert msgspec.json.decode(encoded, type=ExportConfig) == config


def test_a_sidecar_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.onnx.json").write_text('{"sidecar_version": 2, "model": "x"}')
    with pytest.raises(ArtifactError, match=r"export x\.onnx again"):
        read_sidecar(tmp_path / "x.onnx")


@pytest.mark.parametrize(
    "content", [b'{"sidecar_version": 3, "more": ' + b"[" * 100_000, b'{"sidecar_version": 3, "model": "\xff"}']
)
def test_a_sidecar_that_somebody_made_to_break_its_reader_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"cannot read .*x\.onnx\.json"):
        read_sidecar(tmp_path / "x.onnx")


def test_of_a_sidecar_without_end_not_all_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "_SIDECAR_BYTES", 100)
    (tmp_path / "x.onnx.json").write_text('{"sidecar_version": 3, "model": "' + 200 * "x" + '"}')
    with pytest.raises(ArtifactError, match="truncated"):
        read_sidecar(tmp_path / "x.onnx")


def test_a_pipe_or_a_device_is_no_sidecar(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.onnx.json")
    (tmp_path / "y.onnx.json").symlink_to("/dev/zero")
    assert read_sidecar(tmp_path / "x.onnx") is None
    assert read_sidecar(tmp_path / "y.onnx") is None
