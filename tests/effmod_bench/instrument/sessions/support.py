"""One small network, on whatever runtime a test asks for."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from effmod_bench.instrument.sessions.registry import open_session
from effmod_bench.instrument.sessions.session import SessionRequest
from models import find_model
from results import Device, Runtime, RuntimeOptions, SessionFacts
from tests.effmod_bench.network import IMAGE_SIZE, TARGET

SPEC = find_model(TARGET)
X = np.random.default_rng(0).standard_normal((2, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
Outputs = dict[str, npt.NDArray[np.float32]]


def infer(path: Path, runtime: Runtime) -> tuple[Outputs, SessionFacts]:
    request = SessionRequest(
        path=str(path), device=Device.CPU, options=RuntimeOptions(runtime=runtime), intra_op_num_threads=1
    )
    session = open_session(request, {"input": X})
    session.run()
    session.prepare_outputs()
    session.run()
    return {name: value.astype(np.float32) for name, value in session.outputs().items()}, session.facts()
