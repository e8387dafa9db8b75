from pathlib import Path

import pytest

from exporters import obtain_network
from tests.effmod_bench.instrument.sessions.support import SPEC
from tests.effmod_bench.network import IMAGE_SIZE


@pytest.fixture
def network(artifact_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of a small network, which PyTorch runs as it is."""
    monkeypatch.setenv("EFFMOD_CACHE", str(artifact_cache))
    return obtain_network(SPEC, image_size=IMAGE_SIZE).path
