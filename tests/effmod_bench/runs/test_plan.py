import pytest

from effmod_bench.runs.plan import choose_anchor
from results import BenchPlan, Device, Runtime, RuntimeOptions


@pytest.mark.parametrize(("runtime", "anchored"), [("onnxruntime", True), ("tensorrt", True), ("pytorch", False)])
def test_a_table_has_an_anchor_on_a_gpu_too(runtime: str, anchored: bool) -> None:
    plan = BenchPlan(device=Device.CUDA, options=RuntimeOptions(runtime=Runtime(runtime), device_index=1))
    anchor = choose_anchor(None, plan, table="1", processes=None, until=None, max_time_s=None, sweep=False)
    assert (anchor is not None) is anchored
    if anchor:
        assert (anchor.plan.device, anchor.plan.options) == (plan.device, plan.options)
