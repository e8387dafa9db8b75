"""`effmod verify` as a user runs it, in this process."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from exporters import Compression, CoreMLConfig, OnnxConfig, deliver, obtain
from models import find_model

NETWORK = "efficientmod_xxs"


def effmod(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    return deliver(obtain(find_model(NETWORK), OnnxConfig(image_size=64)).path, tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")
    return deliver(obtain(find_model(NETWORK), CoreMLConfig(image_size=64)).path, tmp_path)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_a_file_is_known_by_its_sidecar(onnx_file: Path) -> None:
    result = effmod("verify", onnx_file, "--output-format", "json")
    assert result.exit_code == 0
    (row,) = rows(result)
    assert row["precision"] == "float32"
    assert 0 < row["parity"]["relative_error"] < 1e-5
    assert row["parity"]["cosine"] == pytest.approx(1)
    sidecar = json.loads(onnx_file.with_name(onnx_file.name + ".json").read_bytes())
    assert row["parity"]["max_abs_error"] == pytest.approx(sidecar["parity"]["max_abs_error"])


def test_a_file_without_a_sidecar_needs_its_networks_name(onnx_file: Path) -> None:
    own = Path(shutil.copy(onnx_file, onnx_file.with_name("own.onnx")))
    result = effmod("verify", own)
    assert result.exit_code == 2
    assert "--against" in result.stderr
    assert effmod("verify", own, "--against", NETWORK).exit_code == 0


def test_another_networks_file_is_refused_after_its_table(onnx_file: Path) -> None:
    result = effmod("verify", onnx_file, "--against", "efficientmod_xs")
    assert result.exit_code == 4
    assert "not equal" in result.stdout
    assert "does not compute what the network computes" in result.stderr


def test_a_package_is_compared_in_both_precisions(package: Path) -> None:
    result = effmod("verify", package, "--output-format", "json")
    assert result.exit_code == 0
    full, own = rows(result)
    assert (full["precision"], own["precision"]) == ("float32", "float16")
    assert full["parity"]["relative_error"] < own["parity"]["relative_error"] < 5e-3
    assert "largest activation" in effmod("verify", package).stdout


def test_a_corrupted_weight_of_a_package_is_found(package: Path) -> None:
    weights = next(package.rglob("weight.bin"))
    data = bytearray(weights.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 0x40 for byte in data[middle : middle + 64])
    weights.write_bytes(data)
    result = effmod("verify", package)
    assert result.exit_code == 4
    assert "was changed since it was exported" in result.stderr
    assert "does not compute what the network computes" in result.stderr


def test_compressed_weights_are_reported_as_not_meant_to_be_equal(tmp_path: Path) -> None:
    pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")
    config = CoreMLConfig(image_size=64, compress=Compression.INT8)
    path = deliver(obtain(find_model(NETWORK), config).path, tmp_path)
    result = effmod("verify", path)
    assert result.exit_code == 0
    assert "not meant to be equal" in result.stdout


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("missing.onnx", 2, "No such file"),
        ("empty.onnx", 2, "is not an ONNX file"),
        ("folder", 2, "as a Core ML package"),
    ],
)
def test_what_is_no_artifact_is_refused(name: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    result = effmod("verify", tmp_path / name, "--against", NETWORK)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())
