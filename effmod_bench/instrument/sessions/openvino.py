"""OpenVINO on the CPU."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from effmod_bench.instrument.sessions.session import SessionRequest
from results import SessionFacts

_DEVICE = "CPU"

# OpenVINO tells its makers of each import, from a process that it forks and that can outlive this one. It does not
# where it finds no module to do so.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


class OpenVinoSession:
    """One inference request in float32, with inputs in memory that is reused from run to run, as the outputs are.

    Args:
        request: of an ONNX file.
        inputs: by name; they are kept, not copied.

    Attributes:
        network: as it was read, an `openvino.Model`; kept for a profile alone.

    Raises:
        Exception: whatever OpenVINO raises for a file that it cannot load.
    """

    def __init__(self, request: SessionRequest, inputs: Mapping[str, npt.NDArray[np.generic]]) -> None:
        import openvino

        core = _core()
        network = core.read_model(request.path)
        # With an axis left open it would be compiled for any size.
        network.reshape({name: list(x.shape) for name, x in inputs.items()})
        self.network = network if request.profile_folder is not None else None
        self._model = core.compile_model(
            network,
            _DEVICE,
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",  # or it takes bfloat16 where the processor has it
                "INFERENCE_NUM_THREADS": request.intra_op_num_threads,
                "PERF_COUNT": request.profile_folder is not None,
            },
        )
        self._request = self._model.create_infer_request()
        self._inputs = {name: np.ascontiguousarray(x) for name, x in inputs.items()}
        for name, x in self._inputs.items():
            self._request.set_tensor(name, openvino.Tensor(x, shared_memory=True))
        # Shared, or each run would copy the outputs.
        self.run: Callable[[], object] = partial(self._request.infer, share_outputs=True)

    def counters(self) -> list[Any]:
        """What each operator has taken so far, where they are counted: OpenVINO's `ProfilingInfo`."""
        return list(self._request.profiling_info)

    def graph(self) -> Any:
        """The graph that it runs, as an `openvino.Model`."""
        return self._model.get_runtime_model()

    def fed_with(self, _: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """It is fed one thing."""

    def evaluate(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        request = self._model.create_infer_request()
        request.infer(dict(inputs))
        return self._outputs_of(request)

    def prepare_outputs(self) -> None:
        """Nothing to do: the request owns its outputs."""

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        return self._outputs_of(self._request)

    def _outputs_of(self, request: Any) -> dict[str, npt.NDArray[np.generic]]:
        return {output.any_name: request.get_tensor(output).data.copy() for output in self._model.outputs}

    def time_on_gpu(self, _: int) -> None:
        """There are no CUDA events here."""

    def parts_ns(self, _: int) -> dict[str, tuple[int, ...]]:
        return {}

    def facts(self) -> SessionFacts:
        import openvino

        kinds = Counter(node.get_rt_info()["layerType"].astype(str) for node in self.graph().get_ordered_ops())
        return SessionFacts(
            runtime=f"openvino {openvino.__version__.partition('-')[0]}",
            execution_provider=", ".join(self._model.get_property("EXECUTION_DEVICES")),
            provider_options={
                "PERFORMANCE_HINT": str(self._model.get_property("PERFORMANCE_HINT")),
                "INFERENCE_PRECISION_HINT": self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name(),
                "NUM_STREAMS": str(self._model.get_property("NUM_STREAMS")),
            },
            intra_op_num_threads=self._model.get_property("INFERENCE_NUM_THREADS"),
            nodes={_DEVICE: dict(kinds)},
        )


@cache
def _core() -> Any:
    """OpenVINO's, for as long as the process lives.

    Its CPU plugin has the thread that loads it handle signals on a stack of the plugin's, which is gone when the plugin
    is, also where another thread lets go of that: the next signal with a handler, such as Ctrl-C, would be a crash.
    """
    import openvino

    return openvino.Core()
