import pytest

from effmod_bench.errors import TargetError
from effmod_bench.options.runtime import (
    ComparedSettings,
    RuntimeSettings,
    check_threads,
    one_number_of_threads,
    parse_device,
    parse_threads,
)
from results import ComputeUnits, Device, GraphOptimization, Runtime, RuntimeOptions


@pytest.mark.parametrize(
    ("text", "device"), [("cpu", (Device.CPU, 0)), ("cuda", (Device.CUDA, 0)), ("cuda:3", (Device.CUDA, 3))]
)
def test_a_device_is_read(text: str, device: tuple[Device, int]) -> None:
    assert parse_device(text) == device


@pytest.mark.parametrize("text", ["mps", "rocm", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "cpu:0", ""])
def test_a_device_that_nobody_built_is_answered_with_those_that_exist(text: str) -> None:
    with pytest.raises(TargetError, match="there are cpu, cuda, coreml"):
        parse_device(text)


def test_the_first_runtime_of_a_device_is_its_default() -> None:
    assert RuntimeSettings().resolve() == (Device.CPU, RuntimeOptions())
    second = RuntimeSettings(device="cuda:1", tf32=True).resolve()
    assert second == (Device.CUDA, RuntimeOptions(device_index=1, use_tf32=True))
    assert RuntimeSettings(device="cuda", runtime=Runtime.TENSORRT).resolve()[1].runtime is Runtime.TENSORRT


@pytest.mark.parametrize(
    ("device", "runtime", "options", "said"),
    [
        (Device.CPU, Runtime.TENSORRT, {}, "tensorrt does not run on cpu; there are onnxruntime, pytorch"),
        (Device.CUDA, Runtime.OPENVINO, {}, "openvino does not run on cuda"),
        (Device.CPU, None, {"cuda_graph": True}, "--cuda-graph goes with --device cuda, not with --device cpu"),
        (Device.CPU, None, {"tf32": True}, "--tf32 goes with --device cuda"),
        (Device.CPU, None, {"include_transfers": True}, "--include-transfers goes with --device cuda"),
        (Device.CPU, None, {"allow_fallback": True}, "--allow-fallback goes with --device cuda"),
        (Device.CUDA, None, {"compute_units": ComputeUnits.ALL}, "--compute-units goes with --device coreml"),
        (Device.CUDA, Runtime.PYTORCH, {"cuda_graph": True}, "--cuda-graph is ONNX Runtime's"),
        (Device.CUDA, None, {"cuda_graph": True, "include_transfers": True}, "leave --include-transfers out"),
        (Device.CPU, None, {"prefer_nhwc": True}, "--prefer-nhwc goes with --device cuda"),
        (Device.CUDA, Runtime.TENSORRT, {"prefer_nhwc": True}, "--prefer-nhwc is of ONNX Runtime's CUDA provider"),
        (Device.CUDA, None, {"no_spinning": True}, "--no-spinning goes with --device cpu, not with --device cuda"),
        (Device.CPU, Runtime.OPENVINO, {"no_spinning": True}, "--no-spinning is ONNX Runtime's"),
        (Device.CUDA, None, {"denormal_as_zero": True}, "--denormal-as-zero goes with --device cpu, not with"),
        (Device.CPU, Runtime.OPENVINO, {"denormal_as_zero": True}, "--denormal-as-zero is ONNX Runtime's"),
        (Device.CPU, Runtime.PYTORCH, {"denormal_as_zero": True}, "--denormal-as-zero is ONNX Runtime's"),
        (Device.CPU, Runtime.PYTORCH, {"graph_optimization": GraphOptimization.BASIC}, "--graph-optimization is ONNX"),
    ],
)
def test_options_of_another_device_are_refused(
    device: Device, runtime: Runtime | None, options: dict[str, object], said: str
) -> None:
    with pytest.raises(TargetError, match=said):
        RuntimeSettings(device=device, runtime=runtime, **options).resolve()  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "counts"), [(None, ()), ("4", (4,)), ("1, 2,4,2,02", (1, 2, 4))])
def test_numbers_of_threads_are_read_each_once(text: str | None, counts: tuple[int, ...]) -> None:
    assert parse_threads(text) == counts


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1,x", "1,,2", "1:4:1", "²"])
def test_what_is_no_number_of_threads_is_refused(text: str) -> None:
    with pytest.raises(TargetError, match="is no number of threads; write 4, or 1,2,4"):
        parse_threads(text)


def test_several_numbers_of_threads_are_for_bench() -> None:
    assert (one_number_of_threads(None), one_number_of_threads("3")) == (None, 3)
    with pytest.raises(TargetError, match="--threads 1,2: several are for 'effmod bench'; give one"):
        one_number_of_threads("1,2")


@pytest.mark.parametrize(
    ("device", "counts", "said"),
    [
        (Device.COREML, (2,), "--threads is for the CPU; Core ML chooses its threads itself"),
        (Device.COREML, (2, 4), "--threads is for the CPU; Core ML chooses its threads itself"),
        (Device.CUDA, (2, 4), "several --threads go with --device cpu, not with --device cuda"),
        (Device.CUDA, (2,), None),
        (Device.CPU, (2, 4), None),
        (Device.COREML, (), None),
    ],
)
def test_threads_are_refused_where_they_do_not_decide_the_time(
    device: Device, counts: tuple[int, ...], said: str | None
) -> None:
    if said is None:
        check_threads(device, counts)
        return
    with pytest.raises(TargetError, match=said):
        check_threads(device, counts)


def test_what_decides_for_a_process_goes_with_runtimes_of_which_each_has_its_own() -> None:
    settings = ComparedSettings(runtime="onnxruntime,openvino", denormal_as_zero=True)
    with pytest.raises(TargetError, match="decides for a whole process"):
        settings.resolve()
    _, ways = settings.resolve(share_process=False)
    assert [each.denormal_as_zero for each in ways] == [True, False]
