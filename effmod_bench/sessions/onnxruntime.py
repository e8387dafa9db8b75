"""ONNX Runtime on the CPU."""

from collections.abc import Mapping
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import onnxruntime

from effmod_bench.sessions import SessionError, SessionRequest
from results import SessionFacts

PROVIDER = "CPUExecutionProvider"
_SPINNING = "session.intra_op.allow_spinning"


class OnnxRuntimeSession:
    """A session on the CPU provider, with inputs and outputs in memory that is reused from run to run.

    Args:
        request: of an ONNX file. Operators run one after the other.
        inputs: by name; they are kept, not copied.

    Raises:
        SessionError: the session does not run on the CPU provider alone.
        Exception: whatever ONNX Runtime raises for a file that it cannot load.
    """

    def __init__(self, request: SessionRequest, inputs: Mapping[str, npt.NDArray[np.generic]]) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        if request.shared_threads:
            _share_threads(request.intra_op_num_threads)
            options.use_per_session_threads = False
        else:
            options.intra_op_num_threads = request.intra_op_num_threads
            options.inter_op_num_threads = 1
            options.add_session_config_entry(_SPINNING, "1")
        self.session = onnxruntime.InferenceSession(request.path, options, providers=[PROVIDER])
        # ONNX Runtime falls back to other providers silently, so compare after creation.
        if self.session.get_providers() != [PROVIDER]:
            raise SessionError(f"asked for {PROVIDER}, and the session has {self.session.get_providers()}")
        self.binding = self.session.io_binding()
        self._inputs = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(x)) for x in inputs.values()]
        for name, value in zip(inputs, self._inputs, strict=True):
            self.binding.bind_ortvalue_input(name, value)
        # The first inference tells the outputs' shapes; `prepare_outputs` then binds them for good.
        self._output_names = [output.name for output in self.session.get_outputs()]
        for name in self._output_names:
            self.binding.bind_output(name)
        self.run = partial(self.session.run_with_iobinding, self.binding)

    def prepare_outputs(self) -> None:
        """Bind the outputs of the last inference as the place for all that follow, so that none is allocated."""
        values = self.binding.get_outputs()
        self.binding.clear_binding_outputs()
        for name, value in zip(self._output_names, values, strict=True):
            self.binding.bind_ortvalue_output(name, value)

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        return dict(zip(self._output_names, self.binding.copy_outputs_to_cpu(), strict=True))

    def facts(self) -> SessionFacts:
        options = self.session.get_session_options()
        own_threads: bool = options.use_per_session_threads
        return SessionFacts(
            runtime=f"onnxruntime {onnxruntime.__version__}",
            execution_provider=self.session.get_providers()[0],
            provider_options=dict(self.session.get_provider_options()[PROVIDER]),
            # The sizes of a shared pool, which spins, cannot be read back.
            intra_op_num_threads=options.intra_op_num_threads if own_threads else None,
            inter_op_num_threads=options.inter_op_num_threads if own_threads else None,
            allow_spinning=options.get_session_config_entry(_SPINNING) == "1" if own_threads else None,
            graph_optimization_level=options.graph_optimization_level.name,
            shared_threads=not own_threads,
        )


@cache  # ONNX Runtime takes the sizes before the first session; from then on it refuses a pool of a session's own.
def _share_threads(intra_op_num_threads: int) -> None:
    onnxruntime.set_global_thread_pool_sizes(intra_op_num_threads, 1)
