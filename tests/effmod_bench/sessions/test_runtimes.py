"""Every runtime that this machine has, on the same small network with the same weights: they must agree."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from effmod_bench.instrument.sessions.pytorch import PyTorchSession
from effmod_bench.instrument.sessions.registry import open_session
from effmod_bench.instrument.sessions.session import SessionRequest
from exporters import OnnxConfig, obtain, obtain_network
from models import find_model
from results import Device, Runtime, RuntimeOptions, SessionFacts

SPEC = find_model("efficientmod_xxs")
X = np.random.default_rng(0).standard_normal((2, 3, 32, 32), dtype=np.float32)
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


@pytest.fixture(scope="module")
def files(artifact_cache: Path) -> dict[str, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFMOD_CACHE", str(artifact_cache))
        onnx = obtain(SPEC, OnnxConfig(image_size=32, dynamic_batch=True)).path
        return {"onnx": onnx, "network": obtain_network(SPEC, image_size=32).path}


@pytest.fixture(scope="module")
def expected(files: dict[str, Path]) -> npt.NDArray[np.float32]:
    return infer(files["onnx"], Runtime.ONNXRUNTIME)[0]["logits"]


@pytest.mark.parametrize(
    ("runtime", "file", "where"),
    [
        (Runtime.PYTORCH, "network", "cpu"),
        (Runtime.TORCH_COMPILE, "network", "cpu"),
        (Runtime.OPENVINO, "onnx", "CPU"),
    ],
)
def test_a_runtime_computes_what_onnx_runtime_computes(
    runtime: Runtime, file: str, where: str, files: dict[str, Path], expected: npt.NDArray[np.float32]
) -> None:
    if runtime is Runtime.OPENVINO:
        pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    outputs, facts = infer(files[file], runtime)
    assert outputs.keys() == {"logits"}
    assert outputs["logits"].shape == expected.shape
    assert np.abs(outputs["logits"] - expected).max() <= 1e-4 * np.abs(expected).max()
    assert facts.execution_provider == where
    assert facts.intra_op_num_threads == 1


def test_openvino_computes_in_float32_and_tells_its_layers(files: dict[str, Path]) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    _, facts = infer(files["onnx"], Runtime.OPENVINO)
    assert facts.runtime.startswith("openvino ")
    assert facts.provider_options["INFERENCE_PRECISION_HINT"] == "f32"
    assert facts.provider_options["PERFORMANCE_HINT"] == "LATENCY"
    assert facts.nodes is not None
    assert facts.nodes["CPU"]["Convolution"] > 1


def test_pytorch_says_how_it_ran(files: dict[str, Path]) -> None:
    _, facts = infer(files["network"], Runtime.PYTORCH)
    assert facts.runtime == f"torch {torch.__version__}"
    assert facts.provider_options == {"mode": "eager"}
    assert facts.inter_op_num_threads == 1
    assert facts.gpu_memory_bytes is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_pytorch_without_a_gpu_is_an_error(files: dict[str, Path]) -> None:
    request = SessionRequest(
        path=str(files["network"]),
        device=Device.CUDA,
        options=RuntimeOptions(runtime=Runtime.PYTORCH),
        intra_op_num_threads=1,
    )
    with pytest.raises(Exception, match="PyTorch has no cuda:0: it sees 0 GPUs"):
        open_session(request, {"input": X})


@pytest.mark.parametrize("include_transfers", [False, True])
def test_on_a_gpu_pytorchs_inference_ends_when_the_gpu_has_finished(
    include_transfers: bool, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network stays on the CPU, and takes it for a GPU: what is shown is what happens within the clock."""
    events: list[str] = []
    options = RuntimeOptions(runtime=Runtime.PYTORCH, include_transfers=include_transfers)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    session._device = torch.device("cuda", 0)
    session._input = torch.zeros_like(session._input)
    session._model.register_forward_hook(lambda *_: events.append("inference"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: events.append(f"synchronize {device}"))
    session.run()
    assert events == ["inference", "synchronize cuda:0"]
    assert bool(session._input.any()) is include_transfers  # copied from the host, or not


@pytest.mark.parametrize("include_transfers", [False, True])
def test_pytorchs_inference_lies_between_two_events_on_its_stream(
    include_transfers: bool, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self, stream: str) -> None:
            events.append(f"event on {stream}")

        def synchronize(self) -> None:
            events.append("wait")

        def elapsed_time(self, _: "Event") -> float:
            return 1.5

    options = RuntimeOptions(runtime=Runtime.PYTORCH, include_transfers=include_transfers)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    assert session.time_on_gpu(2) is None
    session._device = torch.device("cuda", 0)
    session._input = torch.zeros_like(session._input)
    session._model.register_forward_hook(lambda *_: events.append("inference"))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"the stream of {device}")
    assert session.time_on_gpu(2) == [1_500_000, 1_500_000]
    on_stream = "event on the stream of cuda:0"
    assert events == 2 * [on_stream, "inference", on_stream, "wait"]
    assert bool(session._input.any()) is include_transfers


@pytest.fixture
def _restored_flags() -> Iterator[None]:
    flags = ((torch.backends.cudnn, "allow_tf32"), (torch.backends.cuda.matmul, "allow_tf32"))
    before = [getattr(module, name) for module, name in flags]
    benchmark = torch.backends.cudnn.benchmark
    yield
    for (module, name), value in zip(flags, before, strict=True):
        setattr(module, name, value)
    torch.backends.cudnn.benchmark = benchmark


@pytest.mark.usefixtures("_restored_flags")
@pytest.mark.parametrize("use_tf32", [True, False])
def test_pytorch_uses_tf32_on_a_gpu_only_where_it_is_asked_to(
    use_tf32: bool, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RuntimeOptions(runtime=Runtime.PYTORCH, use_tf32=use_tf32)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    session._device = torch.device("cuda", 0)
    session._prepare_gpu()
    assert torch.backends.cudnn.allow_tf32 is use_tf32
    assert torch.backends.cuda.matmul.allow_tf32 is use_tf32
    assert torch.backends.cudnn.benchmark
