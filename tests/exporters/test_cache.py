import errno
import os
from pathlib import Path

import msgspec
import pytest
import torch

import exporters.cache
import models
from exporters import OnnxConfig, OutputError, clear_cache, deliver, is_cached, obtain, read_sidecar, sha256_of
from models import CheckpointError, ImageSizeError, ModelSpec

# The smallest image that xxs takes: these tests are about files, not about pixels.
CONFIG = OnnxConfig(image_size=32, simplify=False)


@pytest.fixture
def spec() -> ModelSpec:
    return models.find_model("efficientmod_xxs")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, for tests that break it."""
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


def test_an_artifact_is_made_once(spec: ModelSpec) -> None:
    made, again = obtain(spec, CONFIG), obtain(spec, CONFIG)
    assert again.reused
    assert again.path == made.path
    assert again.artifact == made.artifact
    assert is_cached(spec, CONFIG)


def test_the_sidecar_says_what_the_file_is(spec: ModelSpec) -> None:
    made = obtain(spec, CONFIG)
    artifact = read_sidecar(made.path)
    assert artifact is not None
    assert artifact.sha256 == sha256_of(made.path)
    assert artifact.size_bytes == made.path.stat().st_size
    assert (artifact.model, artifact.form, artifact.opset, artifact.params) == (
        "efficientmod_xxs",
        "plain",
        20,
        4_736_264,
    )
    assert str(artifact.weights) == "random(seed 0)"
    assert artifact.preprocessing.mean == (0.485, 0.456, 0.406)
    assert artifact.parity is not None
    assert artifact.parity.relative_error < artifact.parity.tolerance
    assert {"torch", "onnx", "numpy", "effmod-bench"} <= artifact.versions.keys()
    assert artifact.macs < spec.macs  # of the image size that was exported


def test_other_options_give_another_file(spec: ModelSpec) -> None:
    others = [
        msgspec.structs.replace(CONFIG, image_size=64),
        msgspec.structs.replace(CONFIG, batch_size=2),
        msgspec.structs.replace(CONFIG, dynamic_batch=True),
        msgspec.structs.replace(CONFIG, opset=18),
    ]
    obtain(spec, CONFIG)
    assert not any(is_cached(spec, config) for config in others)
    assert not is_cached(models.find_model("efficientmod_xs"), CONFIG)


def test_another_checkpoint_gives_another_file(spec: ModelSpec, tmp_path: Path) -> None:
    model = models.create_model(spec.name)
    models.fill(model, image_size=32, seed=7)
    torch.save(model.state_dict(), tmp_path / "seven.pth")
    obtain(spec, CONFIG)
    made = obtain(spec, CONFIG, checkpoint=tmp_path / "seven.pth")
    assert not made.reused
    assert made.artifact.weights.sha256 == sha256_of(tmp_path / "seven.pth")
    assert made.artifact.sha256 != obtain(spec, CONFIG).artifact.sha256
    assert obtain(spec, CONFIG, checkpoint=tmp_path / "seven.pth").reused


def test_a_new_version_of_torch_makes_the_file_again(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    obtain(spec, CONFIG)
    monkeypatch.setattr(exporters.cache, "versions", lambda: {"torch": "99.0"})
    assert not is_cached(spec, CONFIG)


@pytest.mark.parametrize("damage", ["truncate", "flip", "sidecar", "missing"])
def test_a_damaged_artifact_is_made_again_and_that_is_said(damage: str, spec: ModelSpec, cache: Path) -> None:
    path = obtain(spec, CONFIG).path
    sidecar = path.with_name(path.name + ".json")
    content = path.read_bytes()
    match damage:
        case "truncate":
            path.write_bytes(content[:-1])
        case "flip":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "sidecar":
            sidecar.write_text("{")
        case "missing":
            sidecar.unlink()
    made = obtain(spec, CONFIG)
    assert not made.reused
    assert made.note is not None
    assert "made again" in made.note
    assert sha256_of(made.path) == made.artifact.sha256
    assert made.path.is_relative_to(cache)


def test_a_failed_export_leaves_nothing_behind(spec: ModelSpec, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"no")
    with pytest.raises(CheckpointError):
        obtain(spec, CONFIG, checkpoint=tmp_path / "bad.pth")
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    with pytest.raises(CheckpointError, match="No such file"):
        obtain(spec, CONFIG, checkpoint=tmp_path / "missing.pth")


def test_an_image_size_is_checked_before_anything_is_built(spec: ModelSpec) -> None:
    with pytest.raises(ImageSizeError, match="efficientmod_xxs takes square images"):
        obtain(spec, OnnxConfig(image_size=1))


def test_delivery_copies_file_and_sidecar(spec: ModelSpec, tmp_path: Path) -> None:
    made = obtain(spec, CONFIG)
    path = deliver(made, tmp_path / "new" / "folder")
    assert path.name == "efficientmod_xxs-32px.onnx"
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.json"]
    artifact = read_sidecar(path)
    assert artifact is not None
    assert artifact.sha256 == sha256_of(path)


def test_a_full_disk_leaves_no_half_file(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = obtain(spec, CONFIG)

    def full(_: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        deliver(made, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_file_in_the_folders_place_says_so(spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write .*out"):
        deliver(obtain(spec, CONFIG), tmp_path / "out")


def test_the_cache_counts_and_clears(spec: ModelSpec, cache: Path) -> None:
    assert clear_cache().artifacts == 0
    obtain(spec, CONFIG)
    info = exporters.cache_info()
    assert (info.path, info.artifacts) == (str(cache), 1)
    assert info.size_bytes > 10_000_000
    clear_cache()
    assert exporters.cache_info().artifacts == 0
    assert not is_cached(spec, CONFIG)
