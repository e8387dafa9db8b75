from pathlib import Path

import pytest

from exporters import OnnxConfig, obtain, obtain_network
from tests.effmod_bench.instrument.sessions.support import SPEC
from tests.effmod_bench.network import IMAGE_SIZE


@pytest.fixture(scope="module")
def files(artifact_cache: Path) -> dict[str, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFMOD_CACHE", str(artifact_cache))
        onnx = obtain(SPEC, OnnxConfig(image_size=IMAGE_SIZE, dynamic_batch=True)).path
        return {"onnx": onnx, "network": obtain_network(SPEC, image_size=IMAGE_SIZE).path}
