"""ONNX Runtime on the CPU, and on an NVIDIA GPU through CUDA or TensorRT.

On a GPU the inputs and outputs lie in its memory, and an inference ends when the GPU has finished it: the call
returns after its stream has been waited for. The stream is made here, so that events on it can tell the time, too.
The CUDA and TensorRT paths have been tested against a stand-in for ONNX Runtime; they have not run on a GPU yet.
"""

import contextlib
import ctypes
import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime

from effmod_bench.instrument.machine.cuda_events import CudaError, TimedStream
from effmod_bench.instrument.machine.gpu import own_memory_bytes, read_gpu
from effmod_bench.instrument.sessions import denormals
from effmod_bench.instrument.sessions.session import OPTIMIZED, SessionError, SessionRequest
from exporters.onnx.values import silent, to_runtime
from results import Device, GraphOptimization, Runtime, SessionFacts

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
_SPINNING = "session.intra_op.allow_spinning"
_STOP_SPINNING = "session.force_spinning_stop"
_RECORD_NODES = "session.record_ep_graph_assignment_info"
_DO_NOT_WAIT = "disable_synchronize_execution_providers"
_STREAM = "user_compute_stream"
_ERRORS = 3

Providers = dict[str, dict[str, str]]
Values = Mapping[str, npt.NDArray[np.generic]]
# Operators that draw, and those that may hold some: for one input an open output may have another size each time.
_DRAWING = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
_UNSTEADY = frozenset((*_DRAWING, "Dropout", "If", "Loop", "Scan"))
_NOT_READ = ("string", "bfloat16", "float8", "float4", "int4", "int2")
_LEVELS = {
    GraphOptimization.BASIC: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    GraphOptimization.EXTENDED: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    GraphOptimization.ALL: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class OnnxRuntimeSession:
    """A session with inputs and outputs in memory that is reused from run to run.

    Args:
        request: of an ONNX file. Operators run one after the other.
        inputs: by name; they are kept, not copied, except to a GPU.
        others: what is fed after these, a run each, until it is their turn again. The first of all is fed again when
            the outputs have been prepared.

    Raises:
        SessionError: the session does not run on the providers asked for, or leaves real work to another; or several
            feeds are to be replayed.
        Exception: whatever ONNX Runtime raises for a file that it cannot load.
    """

    def __init__(self, request: SessionRequest, inputs: Values, others: Sequence[Values] = ()) -> None:
        self._request = request
        if others and request.options.cuda_graph:
            raise SessionError("a CUDA graph replays one feed; leave --cuda-graph out, or give one")
        on_gpu = request.device is Device.CUDA
        # Why a GPU's provider cannot be used, it only logs; all else that matters it raises.
        options = onnxruntime.SessionOptions() if on_gpu else silent()
        options.graph_optimization_level = _LEVELS[request.options.graph_optimization]
        if request.shared_threads:
            _share_threads(request.intra_op_num_threads)
            options.use_per_session_threads = False
        else:
            options.intra_op_num_threads = request.intra_op_num_threads
            options.inter_op_num_threads = 1
            options.add_session_config_entry(_SPINNING, str(int(request.options.allow_spinning)))
            options.add_session_config_entry(_STOP_SPINNING, str(int(request.stop_spinning)))
        denormals.ask(options, denormal_as_zero=request.options.denormal_as_zero)
        options.add_session_config_entry(_RECORD_NODES, "1")
        if request.profile_folder is not None:
            _turn_profiler_on(options, Path(request.profile_folder))
        self._options = options
        self._denormal_as_zero: bool | None = None
        self._stream: TimedStream | None = None
        if on_gpu:
            onnxruntime.preload_dlls()  # CUDA's and cuDNN's, from where pip put them
            # Where CUDA does not work, the runtime says why. Where only its bindings are missing, there are no events.
            with contextlib.suppress(CudaError):
                self._stream = TimedStream(request.options.device_index)
        providers = _providers(request, self._stream)
        self.session = onnxruntime.InferenceSession(request.path, options, providers=list(providers.items()))
        if request.profile_folder is not None:  # another session with these options would overwrite what this one wrote
            options.enable_profiling, options.optimized_model_filepath = False, ""
        # ONNX Runtime falls back to other providers silently, so compare after creation.
        missing = [name for name in providers if name not in self.session.get_providers()]
        if missing:
            raise SessionError(f"ONNX Runtime does not run on {missing[0]}: {_why_not(missing[0])}")
        self.nodes = self._assigned_nodes()
        if on_gpu and not request.options.allow_fallback:
            self._refuse_fallback()
        self._outputs = self.session.get_outputs()
        self._device = ("cuda", request.options.device_index) if on_gpu else ("cpu", 0)
        # Bound to host memory, the outputs are copied there within the run.
        self._place = ("cpu", 0) if request.options.include_transfers else self._device
        self._bound = [self._bind(feed) for feed in (inputs, *others)]
        self._now = self._bound[0]
        self._anew = False
        self._turns = itertools.cycle(self._bound)
        self.run: Callable[[], object] = (
            self._run_on_gpu
            if on_gpu
            else self._run_next
            if others
            else partial(self.session.run_with_iobinding, self.binding)
        )

    @property
    def binding(self) -> Any:
        """What the last inference was bound to."""
        return self._now.binding

    def _bind(self, inputs: Values) -> "_Bound":
        """What is fed, in the memory of the device, and a place for what comes of it."""
        binding = self.session.io_binding()
        host = [np.ascontiguousarray(x).reshape(x.shape) for x in inputs.values()]
        values = [to_runtime(x, *self._device) for x in host]
        for name, value in zip(inputs, values, strict=True):
            binding.bind_ortvalue_input(name, value)
        # The first inference tells the outputs' shapes; `prepare_outputs` then binds them for good.
        bound = _Bound(binding=binding, values=values, host=host, places=[None] * len(self._outputs))
        self._bind_outputs(bound)
        return bound

    def _bind_outputs(self, bound: "_Bound") -> None:
        bound.binding.clear_binding_outputs()
        for output, value in zip(self._outputs, bound.places, strict=True):
            if value is None:
                bound.binding.bind_output(output.name, *self._place)
            else:
                bound.binding.bind_ortvalue_output(output.name, value)

    def _take_turn(self) -> None:
        self._now = next(self._turns)
        if self._anew:  # or the runtime would take what it made the last time for the place of the next, too
            self._bind_outputs(self._now)

    def _run_next(self) -> None:
        self._take_turn()
        self.session.run_with_iobinding(self.binding)

    def _queue(self, options: onnxruntime.RunOptions | None = None) -> None:
        """Give the GPU an inference."""
        self._take_turn()
        if self._request.options.include_transfers:
            for value, host in zip(self._now.values, self._now.host, strict=True):
                value.update_inplace(host)
        self.session.run_with_iobinding(self.binding, options)

    def _run_on_gpu(self) -> None:
        self._queue()
        # The run waits for its stream unless told otherwise. What the clock encloses must not hang on a default.
        self.binding.synchronize_outputs()

    def time_on_gpu(self, runs: int) -> list[int] | None:
        if self._stream is None:
            return None
        do_not_wait = onnxruntime.RunOptions()
        do_not_wait.add_run_config_entry(_DO_NOT_WAIT, "1")  # or the second event would come after the host's wait
        return [self._stream.time(partial(self._queue, do_not_wait)) for _ in range(runs)]

    def fed_with(self, inputs: Values) -> Callable[[], object] | None:
        """Not where a GPU replays what it was fed, or where a run is more than the runtime's."""
        if self._request.device is not Device.CPU or len(self._bound) > 1:
            return None
        bound = self._bind(inputs)

        def run() -> None:
            self._bind_outputs(bound)
            self.session.run_with_iobinding(bound.binding)

        return run

    def evaluate(self, inputs: Values) -> dict[str, npt.NDArray[np.generic]]:
        values = self.session.run(None, dict(inputs))
        return {o.name: value for o, value in zip(self._outputs, values, strict=True) if _is_numbers(o.type)}

    def prepare_outputs(self) -> None:
        """Bind the outputs of the last inference as the place for all that follow, so that none is allocated.

        But not those that hold no numbers, or whose size may be another one the next time, or is not the one that the
        file says: for these it takes no place, and makes them anew.

        Raises:
            SessionError: subnormal numbers are not taken for what was asked.
        """
        if self._request.device is Device.CPU:
            self._denormal_as_zero = denormals.check(self._options, asked=self._request.options.denormal_as_zero)
        for other in self._bound[1:]:
            self.session.run_with_iobinding(other.binding)
        unsteady = any(kind in _UNSTEADY for nodes in self.nodes.values() for _, kind in nodes)
        kept = [_is_numbers(output.type) and not (unsteady and _is_open(output.shape)) for output in self._outputs]
        given = [bound.binding.get_outputs() for bound in self._bound]
        for values in given:
            said = zip(kept, self._outputs, values, strict=True)
            kept = [keep and not _contradicts(value.shape(), output.shape) for keep, output, value in said]
        self._anew = not all(kept)
        for bound, values in zip(self._bound, given, strict=True):
            bound.places = [value if keep else None for value, keep in zip(values, kept, strict=True)]
            self._bind_outputs(bound)
        if self._anew and self._request.device is Device.CPU:
            self.run = self._run_next
        self._turns = itertools.cycle(self._bound)

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """What the last inference gave, by name, without what is no array of numbers: text, or a sequence."""
        values = zip(self._outputs, self.binding.get_outputs(), strict=True)
        return {output.name: value.numpy() for output, value in values if _is_numbers(output.type)}

    def profile_began_ns(self) -> int:
        """What the profiler's times count from, since 1970."""
        return int(self.session.get_profiling_start_time_ns())

    def end_profile(self) -> Path:
        """Turn the profiler off, which was on since the session was made; the file in which it tells what it saw."""
        return Path(self.session.end_profiling())

    def parts_ns(self, _: int) -> dict[str, tuple[int, ...]]:
        return {}

    def facts(self) -> SessionFacts:
        options = self.session.get_session_options()
        provider = self.session.get_providers()[0]
        on_gpu = self._request.device is Device.CUDA
        own_threads: bool = options.use_per_session_threads
        return SessionFacts(
            runtime=f"onnxruntime {onnxruntime.__version__}",
            execution_provider=provider,
            provider_options=_public(self.session.get_provider_options()[provider]),
            # The sizes of a shared pool, which spins, cannot be read back.
            intra_op_num_threads=options.intra_op_num_threads if own_threads else None,
            inter_op_num_threads=options.inter_op_num_threads if own_threads else None,
            allow_spinning=options.get_session_config_entry(_SPINNING) == "1" if own_threads else None,
            shared_threads=not own_threads,
            graph_optimization_level=options.graph_optimization_level.name,
            nodes={provider: dict(Counter(kind for _, kind in nodes)) for provider, nodes in self.nodes.items()},
            gpu_memory_bytes=own_memory_bytes(self._request.options.device_index) if on_gpu else None,
            denormal_as_zero=self._denormal_as_zero,
        )

    def _assigned_nodes(self) -> dict[str, list[tuple[str, str]]]:
        """Name and operator kind of each node, by the provider that it was given to."""
        nodes: dict[str, list[tuple[str, str]]] = {}
        for part in self.session.get_provider_graph_assignment_info():
            nodes.setdefault(part.ep_name, []).extend((node.name, node.op_type) for node in part.get_nodes())
        return nodes

    def _refuse_fallback(self) -> None:
        """Refuse work that the provider asked for leaves to another one; shape computations on the CPU are none."""
        asked, *others = self.session.get_providers()
        for provider in others:
            left = self.nodes.get(provider, [])
            harmless = shape_computations(Path(self._request.path)) if left and provider == CPU else set()
            work = [(name, kind) for name, kind in left if name not in harmless]
            if work:
                name, kind = work[0]
                more = f" and {len(work) - 1} more" if len(work) > 1 else ""
                raise SessionError(
                    f"{asked} leaves {kind} {name!r}{more} to {provider}; --allow-fallback times the file as it is"
                )


def _turn_profiler_on(options: onnxruntime.SessionOptions, folder: Path) -> None:
    options.enable_profiling = True
    options.profile_file_prefix = os.fspath(folder / "events")
    options.optimized_model_filepath = os.fspath(folder / OPTIMIZED)
    options.log_severity_level = _ERRORS  # or it warns that the graph is for this processor alone, as is meant


class _Bound(msgspec.Struct, kw_only=True):
    """One feed of a session, in the memory of its device and the host's, and what comes of it.

    Attributes:
        places: where each output goes; None for one that the runtime finds a place for.
    """

    binding: Any
    values: list[Any]
    host: list[npt.NDArray[np.generic]]
    places: list[Any]


def _is_numbers(kind: str) -> bool:
    """Whether an output can be read as an array of numbers. numpy has no bfloat16, and none of what a byte is more."""
    return kind.startswith("tensor(") and not any(word in kind for word in _NOT_READ)


def _is_open(shape: Sequence[int | str | None]) -> bool:
    """Whether an output's size need not be the same each time; one whose rank nobody knows has no dimensions here."""
    return not shape or not all(isinstance(size, int) for size in shape)


def _contradicts(found: Sequence[int], said: Sequence[int | str | None]) -> bool:
    """Whether an output has another rank or size than its file says, which stays as `said` even so."""
    pairs = zip(found, said, strict=False)
    return bool(said) and (len(found) != len(said) or any(isinstance(b, int) and a != b >= 0 for a, b in pairs))


@cache  # ONNX Runtime takes the sizes before the first session; from then on it refuses a pool of a session's own.
def _share_threads(intra_op_num_threads: int) -> None:
    onnxruntime.set_global_thread_pool_sizes(intra_op_num_threads, 1)


def shape_computations(path: Path) -> set[str]:
    """Names of the nodes of an ONNX file that compute shapes and indices: all that they give is integers or booleans.

    A node without a name, or of which a type cannot be inferred, is not among them: it counts as real work.
    """
    import onnx  # here, since it is needed only where a node was left to the CPU

    graph = onnx.shape_inference.infer_shapes(onnx.load(path, load_external_data=False)).graph
    integers = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)
    types = {info.name: info.type.tensor_type.elem_type for info in (*graph.value_info, *graph.output)}
    return {node.name for node in graph.node if node.name and all(types.get(name) in integers for name in node.output)}


def _providers(request: SessionRequest, stream: TimedStream | None) -> Providers:
    """Execution providers, the one that is to do the work first, with their options."""
    options = request.options
    if request.device is Device.CPU:
        return {CPU: {}}
    on_stream = {_STREAM: str(stream.address)} if stream else {}
    cuda = on_stream | {
        "device_id": str(options.device_index),
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "use_tf32": str(int(options.use_tf32)),
        "prefer_nhwc": str(int(options.prefer_nhwc)),
    }
    if options.runtime is Runtime.ONNXRUNTIME:
        return {CUDA: cuda | {"enable_cuda_graph": str(int(options.cuda_graph))}, CPU: {}}
    if not options.use_tf32:
        # TensorRT uses TF32 by itself, and the provider has no option for it. NVIDIA's libraries obey this variable.
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    return {TENSORRT: on_stream | _tensorrt(request), CUDA: cuda, CPU: {}}


def _tensorrt(request: SessionRequest) -> dict[str, str]:
    """Options of TensorRT: float32, and engines that are kept for the same file, versions and GPU.

    The first round builds the engine, which its `load_ns` shows; the later ones load it.
    """
    from exporters import sha256_of
    from exporters.artifact.cache import cache_root

    gpu = read_gpu(request.options.device_index)
    parts = (
        (request.sha256 or sha256_of(Path(request.path)))[:16],
        f"onnxruntime-{onnxruntime.__version__}",
        *((gpu.name or "GPU", f"driver {gpu.driver}") if gpu else (f"GPU {request.options.device_index}",)),
        "tf32" if request.options.use_tf32 else "float32",
    )
    engines = cache_root() / "artifacts" / "_".join(("engine", *parts)).replace(" ", "-")
    engines.mkdir(parents=True, exist_ok=True)
    return {
        "device_id": str(request.options.device_index),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": os.fspath(engines),
        "trt_cuda_graph_enable": str(int(request.options.cuda_graph)),
    }


def _why_not(provider: str) -> str:
    """What keeps a provider's library from being loaded; ONNX Runtime itself says so on standard error alone."""
    if sys.platform != "linux":
        return "its library, or one that it needs, does not load"
    libraries = Path(onnxruntime.__file__).parent / "capi"
    name = {CUDA: "cuda", TENSORRT: "tensorrt"}[provider]
    try:
        ctypes.CDLL(os.fspath(libraries / "libonnxruntime_providers_shared.so"), ctypes.RTLD_GLOBAL)
        ctypes.CDLL(os.fspath(libraries / f"libonnxruntime_providers_{name}.so"))
    except OSError as error:
        return str(error)
    return "its library loads, and it could not be created"


def _public(provider_options: Mapping[str, str]) -> dict[str, str]:
    """Without what is a process's own: a record names no folder, and no place in memory."""
    return {key: value for key, value in provider_options.items() if not key.endswith("_path") and key != _STREAM}
