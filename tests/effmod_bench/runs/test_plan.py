from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.runs.plan import RunPlan, check_same, choose_anchor
from results import BenchPlan, Device, Runtime, RuntimeOptions, Store, StoreError
from tests.effmod_bench.runs.support import run_plan


@pytest.mark.parametrize(("runtime", "anchored"), [("onnxruntime", True), ("tensorrt", True), ("pytorch", False)])
def test_a_table_has_an_anchor_on_a_gpu_too(runtime: str, anchored: bool) -> None:
    plan = BenchPlan(device=Device.CUDA, options=RuntimeOptions(runtime=Runtime(runtime), device_index=1))
    anchor = choose_anchor(None, plan, table="1", processes=None, until=None, max_time_s=None, sweep=False)
    assert (anchor is not None) is anchored
    if anchor:
        assert (anchor.plan.device, anchor.plan.options) == (plan.device, plan.options)


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(run_plan())
    assert store.read_kind(RunPlan) == [run_plan()]


def test_a_plan_is_stored_again_in_its_own_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(msgspec.structs.replace(run_plan(), artifacts=()))
    with pytest.raises(StoreError, match="never overwritten"):
        store.write(run_plan())
    store.write(run_plan(), again=True)
    assert store.read_kind(RunPlan) == [run_plan()]
    assert len(list(tmp_path.iterdir())) == 1


def test_other_files_are_not_gone_on_with() -> None:
    run = run_plan()
    check_same(run, run.artifacts)
    changed = msgspec.structs.replace(run.artifacts[0], sha256="6" * 64)
    with pytest.raises(
        TargetError, match=r"efficientmod_xxs is not what run .* \(sha256 555555555555 then, 666666666666"
    ):
        check_same(run, [changed])
    with pytest.raises(TargetError, match="timed 1 artifacts, and its targets stand for 2 now"):
        check_same(run, [*run.artifacts, changed])
