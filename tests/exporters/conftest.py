import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

import models
from exporters import ExportConfig, obtain
from models import ModelSpec
from tests.exporters.coreml.support import write
from tests.exporters.support import Small


@pytest.fixture
def small() -> nn.Module:
    model = Small().eval()
    models.fill(model, image_size=32)
    return model


@pytest.fixture
def spec() -> ModelSpec:
    return models.find_model("efficientmod_xxs")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, for tests that break it."""
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def keep_copy(cache: Path, artifact_cache: Path) -> Callable[[ModelSpec, ExportConfig], None]:
    """Lay a copy of the run's own artifact into the test's cache, where nothing is to be made."""

    def copy(spec: ModelSpec, config: ExportConfig) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EFFMOD_CACHE", str(artifact_cache))
            entry = obtain(spec, config).path.parent
        shutil.copytree(entry, cache / "artifacts" / entry.name)

    return copy


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network's package with all defaults."""
    model = Small().eval()
    models.fill(model, image_size=32)
    return write(model, tmp_path_factory.mktemp("made") / "x.mlpackage")


@pytest.fixture
def package(made: Path, tmp_path: Path) -> Path:
    """A copy of it, alone in its folder."""
    return Path(shutil.copytree(made, tmp_path / made.name))
