import os
from pathlib import Path

import msgspec
import pytest

from exporters import ArtifactError, Parity, Subnormals, read_sidecar, sidecar_path
from exporters.artifact import sidecar as artifact
from exporters.artifact.sidecar import read_subnormals
from exporters.derived.machine import MachineFile
from exporters.derived.rewritten import RewrittenFile


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


@pytest.mark.parametrize("kind", [artifact.Artifact, RewrittenFile, MachineFile])
@pytest.mark.parametrize("version", [0, -1, 99])
def test_a_sidecar_of_another_version_is_refused_by_its_number(
    kind: type[msgspec.Struct], version: int, tmp_path: Path
) -> None:
    field = msgspec.structs.fields(kind)[0]
    (tmp_path / "x.onnx.json").write_bytes(msgspec.json.encode({field.name: version, "model": "x"}))
    said = rf"its {field.name} is {version}, and this effmod reads versions 1 to {field.default}; use the effmod that"
    with pytest.raises(ArtifactError, match=said):
        artifact.read_sidecar_as(tmp_path / "x.onnx", kind)


def test_a_json_of_somebody_elses_is_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "x.onnx.json").write_text('{"version": 99}')
    assert read_sidecar(tmp_path / "x.onnx") is None


def test_a_pipe_or_a_device_is_no_sidecar(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.onnx.json")
    (tmp_path / "y.onnx.json").symlink_to("/dev/zero")
    assert read_sidecar(tmp_path / "x.onnx") is None
    assert read_sidecar(tmp_path / "y.onnx") is None


def test_what_a_sidecar_says_of_subnormal_numbers_is_that_of_its_own_file(tmp_path: Path) -> None:
    file = tmp_path / "x.onnx"
    parity = Parity(
        inputs=8, max_abs_error=0, relative_error=0, cosine=1, top1_agreement=1, output_change=1, tolerance=None
    )
    before = {"sha256": "a", "parity": parity}
    sidecar_path(file).write_bytes(msgspec.json.encode(before))
    assert read_subnormals(file, "a") is None  # from before they were counted
    found = Subnormals(weights={"float": 3, "float16": 200}, activations=5)
    sidecar_path(file).write_bytes(
        msgspec.json.encode(before | {"parity": msgspec.structs.replace(parity, subnormals=found)})
    )
    assert read_subnormals(file, "a") == found
    assert read_subnormals(file, "b") is None
    assert read_subnormals(tmp_path / "other.onnx", "a") is None
    assert found.slow_weights == 3  # those of float16 are none in float32
