"""The CPU for real; CUDA and TensorRT with a stand-in for ONNX Runtime, since this has not run on a GPU."""

import ctypes.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from effmod_bench.instrument.sessions import onnxruntime as sessions
from effmod_bench.instrument.sessions.onnxruntime import (
    _DO_NOT_WAIT,
    _RECORD_NODES,
    _SPINNING,
    _STOP_SPINNING,
    _STREAM,
    CPU,
    CUDA,
    TENSORRT,
    OnnxRuntimeSession,
    shape_computations,
)
from effmod_bench.instrument.sessions.session import SessionError, SessionRequest
from effmod_bench.targets.subjects import file_subject
from exporters.feeds.values import make_value
from exporters.onnx import values
from results import Device, InputTensor, Runtime, RuntimeOptions
from tests.fakes import FakeCuda, FakeOnnxRuntime, value, write_graph, write_onnx, write_onnx_with_weights_beside

Pretend = Callable[..., FakeOnnxRuntime]
INPUTS = {"x": np.ones((1, 3, 8, 8), np.float32)}
ON_GPU = {CUDA: [("conv", "Conv"), ("add", "Add"), ("conv2", "Conv")]}


def request(path: Path, device: Device = Device.CUDA, **options: object) -> SessionRequest:
    return SessionRequest(
        path=str(path),
        device=device,
        options=RuntimeOptions(**options),  # type: ignore[arg-type]
        intra_op_num_threads=1,
    )


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Put a stand-in in ONNX Runtime's place, and one in CUDA's where its events are wanted."""

    def use(
        nodes: dict[str, list[tuple[str, str]]], providers: list[str] | None = None, *, events_ms: float | None = None
    ) -> FakeOnnxRuntime:
        fake = FakeOnnxRuntime(nodes, providers)
        monkeypatch.setattr(sessions, "onnxruntime", fake)
        monkeypatch.setattr(values, "onnxruntime", fake)
        cuda = None if events_ms is None else SimpleNamespace(runtime=FakeCuda(events_ms, calls=fake.calls))
        monkeypatch.setitem(sys.modules, "cuda.bindings", cuda)
        return fake

    return use


def write_with_shapes(path: Path) -> Path:
    """`x` reshaped by sizes that the graph computes: three nodes give integers, `reshape` and `relu` do not."""
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["x"], ["s"], name="shape"),
            helper.make_node("Gather", ["s", "zero"], ["n"], name="cut"),
            helper.make_node("Concat", ["n", "rest"], ["to"], name="join", axis=0),
            helper.make_node("Reshape", ["x", "to"], ["flat"], name="reshape"),
            helper.make_node("Relu", ["flat"], ["y"], name="relu"),
        ],
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 192])],
        [
            helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
            helper.make_tensor("rest", TensorProto.INT64, [1], [192]),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def test_the_runtime_tells_which_provider_each_node_was_given_to(tmp_path: Path) -> None:
    """ONNX Runtime takes unknown configuration keys in silence, so that the answer comes at all is what is shown."""
    session = OnnxRuntimeSession(request(write_onnx(tmp_path / "x.onnx", nodes=3), Device.CPU), INPUTS)
    assert session.facts().nodes == {CPU: {"Relu": 3}}
    without = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=[CPU])
    with pytest.raises(Exception, match="record_ep_graph_assignment_info"):
        without.get_provider_graph_assignment_info()


def test_a_gpu_is_asked_for_what_was_planned(pretend: Pretend, tmp_path: Path) -> None:
    fake = pretend(ON_GPU)
    session = OnnxRuntimeSession(request(tmp_path / "x.onnx", device_index=1), INPUTS)
    assert list(fake.asked) == [CUDA, CPU]
    assert fake.asked[CUDA] == {
        "device_id": "1",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "use_tf32": "0",
        "prefer_nhwc": "0",
        "enable_cuda_graph": "0",
    }
    assert fake.calls[:2] == [("preload_dlls",), ("InferenceSession",)]  # CUDA's libraries before they are looked for
    facts = session.facts()
    assert facts.execution_provider == CUDA
    assert facts.provider_options["device_id"] == "1"
    assert facts.nodes == {CUDA: {"Conv": 2, "Add": 1}}
    assert facts.gpu_memory_bytes is None  # no driver here


def test_what_the_provider_is_to_do_otherwise_is_passed_on(pretend: Pretend, tmp_path: Path) -> None:
    fake = pretend(ON_GPU)
    OnnxRuntimeSession(request(tmp_path / "x.onnx", use_tf32=True, cuda_graph=True, prefer_nhwc=True), INPUTS)
    asked = fake.asked[CUDA]
    assert (asked["use_tf32"], asked["enable_cuda_graph"], asked["prefer_nhwc"]) == ("1", "1", "1")


def test_inputs_and_outputs_stay_on_the_gpu_and_a_run_ends_when_it_has_finished(
    pretend: Pretend, tmp_path: Path
) -> None:
    fake = pretend(ON_GPU)
    session = OnnxRuntimeSession(request(tmp_path / "x.onnx", device_index=1), INPUTS)
    assert ("value", "cuda", 1) in fake.calls
    assert ("bind output", "y", "cuda", 1) in fake.calls
    fake.calls.clear()
    session.run()
    assert fake.calls == [("run",), ("synchronize",)]
    session.prepare_outputs()
    assert fake.calls[-1] == ("keep output", "y")


def test_transfers_are_within_the_clock_where_that_is_asked(pretend: Pretend, tmp_path: Path) -> None:
    fake = pretend(ON_GPU)
    session = OnnxRuntimeSession(request(tmp_path / "x.onnx", include_transfers=True), INPUTS)
    assert ("bind output", "y", "cpu", 0) in fake.calls  # ONNX Runtime copies it there at the end of the run
    fake.calls.clear()
    session.run()
    assert fake.calls == [("copy in", (1, 3, 8, 8)), ("run",), ("synchronize",)]


@pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.TENSORRT])
def test_a_gpus_events_are_on_the_stream_that_the_runtime_works_on(
    runtime: Runtime, pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")  # restored after the test
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    fake = pretend({}, events_ms=2.5)
    session = OnnxRuntimeSession(request(write_onnx(tmp_path / "x.onnx"), runtime=runtime, device_index=1), INPUTS)
    assert ("cudaSetDevice", 1) in fake.calls
    streams = {name: options.get("user_compute_stream") for name, options in fake.asked.items()}
    (stream,) = {address for name, address in streams.items() if name != CPU}
    assert streams[CPU] is None
    fake.calls.clear()
    assert session.time_on_gpu(2) == [2_500_000, 2_500_000]
    once = fake.calls[: len(fake.calls) // 2]
    assert [call[0] for call in once[:3]] == ["cudaEventRecord", "run without waiting", "cudaEventRecord"]
    assert {str(call[2]) for call in once if call[0] == "cudaEventRecord"} == {stream}
    assert stream not in session.facts().provider_options.values()  # it is another one in each process


def test_transfers_are_between_the_events_too(pretend: Pretend, tmp_path: Path) -> None:
    fake = pretend(ON_GPU, events_ms=2.5)
    session = OnnxRuntimeSession(request(tmp_path / "x.onnx", include_transfers=True), INPUTS)
    fake.calls.clear()
    session.time_on_gpu(1)
    assert [call[0] for call in fake.calls[:4]] == [
        *("cudaEventRecord", "copy in", "run without waiting", "cudaEventRecord")
    ]


def test_where_cudas_bindings_are_missing_the_host_alone_tells_the_time(pretend: Pretend, tmp_path: Path) -> None:
    fake = pretend(ON_GPU)
    session = OnnxRuntimeSession(request(tmp_path / "x.onnx"), INPUTS)
    assert session.time_on_gpu(3) is None
    assert "user_compute_stream" not in fake.asked[CUDA]


def test_a_cpu_has_no_events_of_its_own(tmp_path: Path) -> None:
    assert OnnxRuntimeSession(request(write_onnx(tmp_path / "x.onnx"), Device.CPU), INPUTS).time_on_gpu(3) is None


@pytest.mark.parametrize(
    ("library", "name"),
    [
        *(("onnxruntime_pybind11_state*", name) for name in (_SPINNING, _STOP_SPINNING, _RECORD_NODES, _DO_NOT_WAIT)),
        pytest.param(
            "libonnxruntime_providers_cuda*",
            _STREAM,
            marks=pytest.mark.skipif(
                CUDA not in onnxruntime.get_available_providers(), reason="ONNX Runtime is built for the CPU alone"
            ),
        ),
    ],
)
def test_the_runtime_knows_the_names_that_it_is_told(library: str, name: str) -> None:
    """It takes unknown names in silence, and gives back what was set under them."""
    (path,) = (Path(onnxruntime.__file__).parent / "capi").glob(library)
    assert name.encode() in path.read_bytes()


def test_a_silent_fallback_to_the_cpu_is_an_error_with_its_cause(pretend: Pretend, tmp_path: Path) -> None:
    pretend({CPU: [("conv", "Conv")]}, [CPU])
    with pytest.raises(SessionError, match=f"ONNX Runtime does not run on {CUDA}: .+"):
        OnnxRuntimeSession(request(tmp_path / "x.onnx", allow_fallback=True), INPUTS)


@pytest.mark.skipif(CUDA not in onnxruntime.get_available_providers(), reason="ONNX Runtime is built for the CPU alone")
@pytest.mark.skipif(ctypes.util.find_library("cuda") is not None, reason="there is an NVIDIA driver")
def test_without_a_driver_the_real_fallback_is_an_error_that_names_the_library(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=rf"does not run on {CUDA}: lib\w+\.so.* cannot open shared object file"):
        OnnxRuntimeSession(request(write_onnx(tmp_path / "x.onnx")), INPUTS)


@pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.TENSORRT])
def test_tensorrt_that_fell_back_to_cuda_is_an_error(runtime: Runtime, pretend: Pretend, tmp_path: Path) -> None:
    pretend(ON_GPU, [CUDA, CPU])
    path = write_onnx(tmp_path / "x.onnx")
    if runtime is Runtime.ONNXRUNTIME:
        OnnxRuntimeSession(request(path), INPUTS)
        return
    with pytest.raises(SessionError, match=f"does not run on {TENSORRT}"):
        OnnxRuntimeSession(request(path, runtime=runtime), INPUTS)


def test_work_that_tensorrt_leaves_to_cuda_is_refused(pretend: Pretend, tmp_path: Path) -> None:
    pretend({TENSORRT: [("a", "Conv")], CUDA: [("b", "Gelu")]}, [TENSORRT, CUDA, CPU])
    path = write_onnx(tmp_path / "x.onnx")
    with pytest.raises(SessionError, match=f"{TENSORRT} leaves Gelu 'b' to {CUDA}"):
        OnnxRuntimeSession(request(path, runtime=Runtime.TENSORRT), INPUTS)
    nodes = OnnxRuntimeSession(request(path, runtime=Runtime.TENSORRT, allow_fallback=True), INPUTS).facts().nodes
    assert nodes == {TENSORRT: {"Conv": 1}, CUDA: {"Gelu": 1}}


def test_real_work_that_is_left_to_the_cpu_is_refused_by_name(pretend: Pretend, tmp_path: Path) -> None:
    path = write_with_shapes(tmp_path / "x.onnx")
    nodes = ON_GPU | {CPU: [("shape", "Shape"), ("cut", "Gather"), ("relu", "Relu"), ("", "Conv")]}
    pretend(nodes)
    with pytest.raises(SessionError, match="leaves Relu 'relu' and 1 more to CPUExecutionProvider; --allow-fallback"):
        OnnxRuntimeSession(request(path), INPUTS)
    session = OnnxRuntimeSession(request(path, allow_fallback=True), INPUTS)
    assert session.facts().nodes == {
        CUDA: {"Conv": 2, "Add": 1},
        CPU: {"Shape": 1, "Gather": 1, "Relu": 1, "Conv": 1},
    }


def test_shape_computations_on_the_cpu_are_accepted_and_recorded(pretend: Pretend, tmp_path: Path) -> None:
    path = write_with_shapes(tmp_path / "x.onnx")
    pretend(ON_GPU | {CPU: [("shape", "Shape"), ("cut", "Gather"), ("join", "Concat")]})
    nodes = OnnxRuntimeSession(request(path), INPUTS).facts().nodes
    assert nodes is not None
    assert nodes[CPU] == {"Shape": 1, "Gather": 1, "Concat": 1}


def test_shape_computations_are_the_nodes_that_give_integers(tmp_path: Path) -> None:
    assert shape_computations(write_with_shapes(tmp_path / "x.onnx")) == {"shape", "cut", "join"}


def test_tensorrt_keeps_engines_by_file_and_versions_and_computes_in_float32(
    pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")  # restored after the test
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    fake = pretend({TENSORRT: [("conv", "Conv")]})
    folders = set()
    for name, nodes in (("a", 1), ("a", 1), ("b", 2)):
        path = write_onnx(tmp_path / f"{name}.onnx", nodes=nodes)
        session = OnnxRuntimeSession(request(path, runtime=Runtime.TENSORRT), INPUTS)
        assert list(fake.asked) == [TENSORRT, CUDA, CPU]
        folders.add(fake.asked[TENSORRT]["trt_engine_cache_path"])
        assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
        assert "trt_engine_cache_path" not in session.facts().provider_options  # a record names no folder
    assert len(folders) == 2
    assert all(Path(folder).is_relative_to(tmp_path / "cache") for folder in folders)


def test_tensorrt_keeps_engines_apart_for_weights_that_lie_in_other_files(
    pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")  # restored after the test
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    fake = pretend({TENSORRT: [("conv", "Conv")]})
    contents, folders = set(), set()
    for weight in (1.0, 7.0):
        (tmp_path / str(weight)).mkdir()
        path = write_onnx_with_weights_beside(tmp_path / str(weight) / "a.onnx", weight)
        contents.add(path.read_bytes())
        sha256 = file_subject(path, {}, batch_size=1).artifact.sha256
        asked = msgspec.structs.replace(request(path, runtime=Runtime.TENSORRT), sha256=sha256)
        OnnxRuntimeSession(asked, INPUTS)
        folders.add(fake.asked[TENSORRT]["trt_engine_cache_path"])
    assert (len(contents), len(folders)) == (1, 2)


def test_outputs_that_are_no_numbers_are_left_to_the_runtime(tmp_path: Path) -> None:
    path = write_graph(
        tmp_path / "labels.onnx",
        [
            ("ArgMax", ["x"], ["a"], {"axis": 1, "keepdims": 0}),
            ("LabelEncoder", ["a"], ["s"], {"keys_int64s": [0, 1], "values_strings": ["cat", "dog"]}),
            ("Relu", ["x"], ["y"], {}),
        ],
        [value("x", TensorProto.FLOAT, [1, 2])],
        [value("s", TensorProto.STRING, [1]), value("y", TensorProto.FLOAT, [1, 2])],
    )
    session = OnnxRuntimeSession(request(path, Device.CPU), {"x": np.array([[-1, 2]], np.float32)})
    session.run()
    session.prepare_outputs()
    for _ in range(3):
        session.run()
    assert {name: x.tolist() for name, x in session.outputs().items()} == {"y": [[0, 2]]}


def test_an_output_may_have_another_size_each_time(tmp_path: Path) -> None:
    path = write_graph(
        tmp_path / "sizes.onnx",
        [
            ("RandomUniformLike", ["x"], ["u"], {"low": -1.0, "high": 1.0}),
            ("Relu", ["u"], ["r"], {}),
            ("NonZero", ["r"], ["y"], {}),
        ],
        [value("x", TensorProto.FLOAT, [1, 100])],
        [value("y", TensorProto.INT64, [2, "found"])],
    )
    session = OnnxRuntimeSession(request(path, Device.CPU), {"x": np.ones((1, 100), np.float32)})
    session.run()
    session.prepare_outputs()
    sizes = set()
    for _ in range(20):
        session.run()
        sizes.add(session.outputs()["y"].shape)
    assert len(sizes) > 1


def test_feeds_are_run_in_turn_and_begin_anew_when_the_outputs_are_prepared(tmp_path: Path) -> None:
    feeds = [{"x": np.full((1, 3, 8, 8), number, np.float32)} for number in (1, 2, 3)]
    session = OnnxRuntimeSession(request(write_onnx(tmp_path / "x.onnx"), Device.CPU), feeds[0], feeds[1:])
    session.run()
    session.prepare_outputs()
    seen = []
    for _ in range(5):
        session.run()
        seen.append(session.outputs()["y"][0, 0, 0, 0].item())
    assert seen == [1, 2, 3, 1, 2]


def test_bfloat16_is_fed_as_it_is(tmp_path: Path) -> None:
    path = write_graph(
        tmp_path / "x.onnx",
        [("Cast", ["x"], ["y"], {"to": TensorProto.FLOAT})],
        [value("x", TensorProto.BFLOAT16, [2])],
        [value("y", TensorProto.FLOAT, [2])],
    )
    x = make_value(InputTensor(name="x", dtype="bfloat16", shape=(2,)), "0.25")
    session = OnnxRuntimeSession(request(path, Device.CPU), {"x": x})
    session.run()
    assert session.outputs()["y"].tolist() == [0.25, 0.25]


def test_an_output_of_another_rank_than_the_file_says_is_timed_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime gives it, with a warning at each inference, and takes no place for it."""
    x = value("x", onnx.TensorProto.FLOAT, [1, 3, 4])
    path = write_graph(tmp_path / "stale.onnx", [("Relu", ["x"], ["y"], {})], [x], [value("y", 1, [1, "k"])])
    session = OnnxRuntimeSession(request(path, device=Device.CPU), {"x": np.ones((1, 3, 4), np.float32)})
    session.run()
    session.prepare_outputs()
    session.run()
    assert session.outputs()["y"].shape == (1, 3, 4)
    assert capfd.readouterr() == ("", "")
