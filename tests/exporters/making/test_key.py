from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

import exporters.artifact.cache
import exporters.artifact.versions
import exporters.making.file
import exporters.making.key
import exporters.proof.parity
from exporters import DeploymentTarget, is_cached, obtain
from exporters.making.key import weights_identity
from models import ModelSpec
from tests.exporters.support import CONFIG, COREML


def test_another_source_of_a_plug_in_gives_another_file(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = msgspec.structs.replace(spec, factory="house_net:build")
    module = tmp_path / "house_net.py"
    keys = []
    for source in ("WIDTH = 1", "WIDTH = 2"):
        module.write_text(source)
        keys.append(exporters.making.key.artifact_key(plugin, CONFIG, weights_identity(spec, CONFIG.image_size, None)))
    assert len(set(keys)) == 2


def test_any_module_of_a_plug_ins_package_is_part_of_its_source(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = msgspec.structs.replace(spec, factory="house_package.nets:build")
    package = tmp_path / "house_package"
    package.mkdir()
    (package / "__init__.py").touch()
    keys = []
    for source in ("WIDTH = 1", "WIDTH = 2"):
        (package / "layers.py").write_text(source)
        keys.append(exporters.making.key.artifact_key(plugin, CONFIG, weights_identity(spec, 32, None)))
    assert len(set(keys)) == 2


def test_a_new_version_of_torch_makes_the_file_again(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    obtain(spec, CONFIG)
    monkeypatch.setattr(exporters.making.key, "installed_versions", lambda _: {"torch": "99.0"})
    assert not is_cached(spec, CONFIG)


def test_the_two_formats_are_two_artifacts(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    obtain(spec, CONFIG)
    key = exporters.making.key.artifact_key
    weights = weights_identity(spec, CONFIG.image_size, None)
    onnx, coreml = key(spec, CONFIG, weights), key(spec, COREML, weights)
    assert onnx != coreml
    # A newer coremltools does not make ONNX files again.
    installed = exporters.artifact.versions.installed_versions

    def newer(names: Iterable[str]) -> dict[str, str]:
        return {name: "99.0" if name == "coremltools" else version for name, version in installed(names).items()}

    monkeypatch.setattr(exporters.making.key, "installed_versions", newer)
    assert key(spec, CONFIG, weights) == onnx
    assert key(spec, COREML, weights) != coreml


def test_a_target_is_part_of_the_key(spec: ModelSpec) -> None:
    assert not is_cached(spec, msgspec.structs.replace(COREML, target=DeploymentTarget.IOS18))


def test_a_checkpoint_is_read_once_for_as_long_as_it_is_the_same(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def sha256_of(path: Path) -> str:
        read.append(path)
        return path.read_text()

    monkeypatch.setattr(exporters.making.key, "sha256_of", sha256_of)
    checkpoint = tmp_path / "net.pth"
    checkpoint.write_text("one")
    assert [weights_identity(spec, 32, checkpoint).sha256 for _ in range(3)] == ["one"] * 3
    assert len(read) == 1
    checkpoint.write_text("another")
    assert weights_identity(spec, 32, checkpoint).sha256 == "another"
