import subprocess
import sys
from pathlib import Path

import pytest

from results import Runtime
from tests.effmod_bench.instrument.sessions.support import infer
from tests.fakes import write_onnx


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


def test_a_signal_is_handled_after_another_thread_has_let_go_of_a_session(tmp_path: Path) -> None:
    """Where OpenVINO unloads its plugin, it takes the stack for signals away from the thread that has loaded it."""
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    code = (
        "import faulthandler, signal, sys, threading\n"
        "import numpy as np\n"
        "from effmod_bench.instrument.sessions.openvino import OpenVinoSession\n"
        "from effmod_bench.instrument.sessions.session import SessionRequest\n"
        "from results import Device, Runtime, RuntimeOptions\n"
        "faulthandler.enable()\n"  # as pytest does: signals are handled on a stack of its own
        "options = RuntimeOptions(runtime=Runtime.OPENVINO)\n"
        "request = SessionRequest(path=sys.argv[1], device=Device.CPU, options=options, intra_op_num_threads=1)\n"
        "sessions = [OpenVinoSession(request, {'x': np.ones((1, 2), np.float32)})]\n"
        "sessions[0].run()\n"
        "other = threading.Thread(target=sessions.clear)\n"
        "other.start()\n"
        "other.join()\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('handled'))\n"
        "signal.raise_signal(signal.SIGTERM)\n"
    )
    file = write_onnx(tmp_path / "net.onnx", shape=(1, 2))
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
