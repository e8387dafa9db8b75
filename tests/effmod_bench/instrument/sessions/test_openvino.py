import subprocess
import sys
from pathlib import Path

import pytest

from results import Runtime
from tests.effmod_bench.instrument.sessions.support import infer


def test_openvino_computes_in_float32_and_tells_its_layers(files: dict[str, Path]) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    _, facts = infer(files["onnx"], Runtime.OPENVINO)
    assert facts.runtime.startswith("openvino ")
    assert facts.provider_options["INFERENCE_PRECISION_HINT"] == "f32"
    assert facts.provider_options["PERFORMANCE_HINT"] == "LATENCY"
    assert facts.nodes is not None
    assert facts.nodes["CPU"]["Convolution"] > 1


def test_openvino_reports_to_nobody() -> None:
    """Its package tells its makers of each import, from a process that it forks, unless it finds no module for that."""
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    code = (
        "import sys\n"
        "import effmod_bench.instrument.sessions.openvino\n"
        "assert 'openvino' not in sys.modules\n"
        "import openvino\n"
        "print(sys.modules['openvino_telemetry'])\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
