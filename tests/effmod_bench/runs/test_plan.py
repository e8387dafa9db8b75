from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.runs.plan import Invocation, RunPlan, begin, check_same, choose_anchor
from effmod_bench.targets.subjects import file_subject
from results import BenchPlan, Device, Runtime, RuntimeOptions, Store, StoreError
from tests.effmod_bench.runs.support import run_plan
from tests.fakes import write_onnx


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
    named = msgspec.structs.replace(
        run_plan().choices, checkpoint=None, checkpoints=(("net(a=1)", Path("x.pth")),), num_classes=10
    )
    run = msgspec.structs.replace(run_plan(day=2), choices=named, top1={"net(a=1)": 77.3})
    store.write(run)
    assert store.read_kind(RunPlan)[1] == run


def test_of_two_runtimes_each_target_is_run_by_both_in_runs_of_older_versions_too() -> None:
    ways = RuntimeOptions(), RuntimeOptions(runtime=Runtime.OPENVINO)
    older = msgspec.structs.replace(run_plan(), targets=("a", "b"), runtimes=tuple(each.runtime for each in ways))
    each = (("a", ways[0]), ("a", ways[1]), ("b", ways[0]), ("b", ways[1]))
    assert older.each == each
    assert older.every_options == ways
    now = older.with_each(each)
    assert (now.targets, now.target_options, now.each) == (("a", "a", "b", "b"), ways * 2, each)
    assert now.with_each(each[::2]).target_options == ()
    assert [older.run_by(way).each for way in ways] == [each[::2], each[1::2]]


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


def test_what_could_not_be_made_is_gone_on_with_once_it_can_be_and_never_the_other_way_round(tmp_path: Path) -> None:
    made = file_subject(write_onnx(tmp_path / "a.onnx"), {}, batch_size=1)
    unmade = msgspec.structs.replace(made.artifact, sha256="")
    store = Store(tmp_path / "records")
    store.check_writable()
    run = msgspec.structs.replace(run_plan(), artifacts=(unmade,))
    store.write(run)
    invocation = Invocation(run=run, store=store, resumed=True, wait=False, round_timeout_s=None)
    begun = begin(invocation, [made], None)
    assert begun == msgspec.structs.replace(run, artifacts=(made.artifact,))
    assert store.read_kind(RunPlan) == [begun]
    with pytest.raises(TargetError, match="is not what run"):
        check_same(begun, [unmade])
