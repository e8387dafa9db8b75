import pytest

from effmod_bench.options.settings import arguments, asked_for, own_settings, shared_out
from results import Device, GraphOptimization, Runtime, RuntimeOptions

ASKED = RuntimeOptions(graph_optimization=GraphOptimization.BASIC, allow_spinning=False)


@pytest.mark.parametrize(
    ("device", "options", "expected"),
    [
        (Device.CPU, RuntimeOptions(), []),
        (
            Device.CPU,
            RuntimeOptions(graph_optimization=GraphOptimization.EXTENDED, allow_spinning=False),
            ["--graph-optimization", "extended", "--no-spinning"],
        ),
        (Device.CPU, RuntimeOptions(denormal_as_zero=True), ["--denormal-as-zero"]),
        (
            Device.CUDA,
            RuntimeOptions(device_index=1, cuda_graph=True, use_tf32=True, prefer_nhwc=True),
            ["--device", "cuda:1", "--cuda-graph", "--tf32", "--prefer-nhwc"],
        ),
    ],
)
def test_settings_that_were_found_can_be_asked_for(
    device: Device, options: RuntimeOptions, expected: list[str]
) -> None:
    assert arguments(device, options) == expected


def test_of_several_runtimes_each_takes_the_settings_that_it_knows() -> None:
    every = [own_settings(ASKED, runtime) for runtime in (Runtime.ONNXRUNTIME, Runtime.OPENVINO, Runtime.PYTORCH)]
    assert every == [ASKED, RuntimeOptions(runtime=Runtime.OPENVINO), RuntimeOptions(runtime=Runtime.PYTORCH)]
    assert [*shared_out(every)] == [
        "--graph-optimization is for onnxruntime alone; it is no setting of openvino or pytorch",
        "--no-spinning is for onnxruntime alone; it is no setting of openvino or pytorch",
    ]


def test_what_all_take_or_none_does_is_not_said() -> None:
    every = [
        RuntimeOptions(device_index=1, use_tf32=True, runtime=each) for each in (Runtime.TENSORRT, Runtime.PYTORCH)
    ]
    assert [*shared_out(every)] == []


def test_settings_that_one_command_cannot_ask_for_are_known() -> None:
    both = [RuntimeOptions(runtime=Runtime.OPENVINO), ASKED]
    asked = asked_for(both)
    assert asked is not None
    assert [own_settings(asked, each.runtime) for each in both] == both
    assert asked_for([RuntimeOptions(), ASKED]) is None  # as `effmod tune` tries them
