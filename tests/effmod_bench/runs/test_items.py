from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.plan import Anchor, RunPlan
from effmod_bench.targets.target import NetworkTarget, Target
from exporters import RANDOM
from exporters.feeds.given import Given
from models import ImageSizeError
from results import BenchPlan, ComparisonPlan, Device, Runtime, RuntimeOptions
from tests.effmod_bench.runs.support import run_plan
from tests.fakes import write_onnx

PYTORCH = BenchPlan(options=RuntimeOptions(runtime=Runtime.PYTORCH))
COMPILED = BenchPlan(options=RuntimeOptions(runtime=Runtime.TORCH_COMPILE))
COREML = BenchPlan(device=Device.COREML, options=RuntimeOptions(runtime=Runtime.COREML))
DENSE = "mask_rcnn:pvt_tiny"


def run(*targets: str, anchor: str | None = None, **changes: object) -> RunPlan:
    """Of a run's targets nothing is read or made to find them."""
    given = {
        "targets": targets,
        "anchor": Anchor(target=anchor, plan=ComparisonPlan()) if anchor else None,
        "choices": ExportChoices(),
        "input_shapes": (),
    }
    return msgspec.structs.replace(run_plan(), **(given | changes))


def checkpoint_of(target: Target | None) -> Path | None:
    assert isinstance(target, NetworkTarget)
    return target.choices.checkpoint


def test_names_and_patterns_become_targets_each_once_in_the_order_given() -> None:
    found = find_targets(run("mine.onnx", "efficientmod_s", "efficientmod_x?s", "efficientmod_s", "mine.onnx"))
    assert [target.name for target in found.targets] == ["mine.onnx", "efficientmod_s", "efficientmod_xxs"]
    assert found.anchor is None


def test_a_sweep_is_one_batch_size_after_the_other() -> None:
    found = find_targets(run("efficientmod_xxs", "efficientmod_s", batch_sizes=(1, 4)))
    networks = [target for target in found.targets if isinstance(target, NetworkTarget)]
    assert [(target.name, target.config.batch_size) for target in networks] == [
        ("efficientmod_xxs", 1),
        ("efficientmod_s", 1),
        ("efficientmod_xxs", 4),
        ("efficientmod_s", 4),
    ]


def test_a_sweep_over_image_sizes_leaves_out_what_a_network_cannot_take(tmp_path: Path) -> None:
    found = find_targets(run("deit_tiny", "efficientmod_xxs", image_sizes=(224, 100), batch_sizes=(1, 2)))
    networks = [target for target in found.targets if isinstance(target, NetworkTarget)]
    assert [(target.name, target.config.image_size, target.config.batch_size) for target in networks] == [
        ("deit_tiny", 224, 1),
        ("efficientmod_xxs", 224, 1),
        ("deit_tiny", 224, 2),
        ("efficientmod_xxs", 224, 2),
        ("efficientmod_xxs", 100, 1),
        ("efficientmod_xxs", 100, 2),
    ]
    assert list(found.left_out) == ["deit_tiny at 100 px"]
    assert "not 100; try 96 or 112" in str(found.left_out["deit_tiny at 100 px"])
    write_onnx(tmp_path / "mine.onnx")
    mixed = find_targets(run("deit_tiny", str(tmp_path / "mine.onnx"), image_sizes=(224, 100)))
    assert [target.name for target in mixed.targets] == ["deit_tiny", "mine.onnx"]
    with pytest.raises(ImageSizeError, match="not 100"):
        find_targets(run("deit_tiny", image_sizes=(100, 101)))


def test_weights_that_the_user_gave_are_not_the_anchors_unless_it_is_the_target() -> None:
    choices = ExportChoices(checkpoint=Path("best.pth"))
    found = find_targets(run("efficientmod_s", anchor="efficientmod_xxs", choices=choices))
    assert (checkpoint_of(found.targets[0]), checkpoint_of(found.anchor)) == (Path("best.pth"), None)
    found = find_targets(run("efficientmod_s", anchor="efficientmod_s", choices=choices))
    assert found.targets == (found.anchor,)
    choices = ExportChoices(checkpoint=RANDOM)
    found = find_targets(run("efficientmod_s", anchor="efficientmod_xxs", choices=choices))
    assert checkpoint_of(found.anchor) == RANDOM  # which is nobody's


def test_detectors_and_segmenters_are_targets_by_name_and_pattern() -> None:
    asked = run("mask_rcnn:pvt_*", "efficientmod_s", "semantic_fpn:pvt_tiny", plan=PYTORCH)
    assert [target.name for target in find_targets(asked).targets] == [
        *(f"mask_rcnn:{name}@{size}" for size in ("512x512", "512x512+full") for name in ("pvt_tiny", "pvt_v2_b1")),
        *(f"mask_rcnn:{name}@{size}" for size in ("1333x800", "1333x800+full") for name in ("pvt_tiny", "pvt_v2_b1")),
        "efficientmod_s",
        "semantic_fpn:pvt_tiny@512x512",
    ]


@pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.PYTORCH])
def test_only_pytorch_takes_a_network_as_it_is(runtime: Runtime) -> None:
    asked = run("efficientmod_xxs", plan=BenchPlan(options=RuntimeOptions(runtime=runtime)))
    (target,) = find_targets(asked).targets
    assert isinstance(target, NetworkTarget)
    assert target.as_it_is is (runtime is Runtime.PYTORCH)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (run("mine.onnx", choices=ExportChoices(image_size=64)), "--image-size is for networks that effmod exports"),
        (run("efficientmod_xxs", input_shapes=((None, (1, 3, 8, 8)),)), "--input-shape is for .onnx files"),
        (run("mine.mlpackage"), "mine.mlpackage is no onnx file; give --device coreml"),
        (run("mine.onnx", plan=PYTORCH), "pytorch runs networks, not mine.onnx"),
        (run("efficientmod_xxs", plan=PYTORCH, anchor="efficientmod_s"), "--anchor is for ONNX Runtime"),
        (run("efficientmod_s", anchor="efficientmod_x*s"), r"--anchor efficientmod_x\*s stands for [0-9]+ networks"),
        (run("efficientmod_s", plan=BenchPlan(device=Device.COREML, threads=2)), "--threads is for the CPU"),
        (run(DENSE), "is run by PyTorch as it is, not by onnxruntime: give --runtime pytorch$"),
        (run(DENSE, plan=COREML), "not by coreml: give --runtime pytorch, and --device cpu or cuda$"),
        (run(f"{DENSE}+full", plan=COMPILED), f"torch.compile cannot take as a whole: .* or {DENSE}@512x512$"),
        (run(DENSE, plan=PYTORCH, choices=ExportChoices(image_size=64)), "--image-size .*; its name says the size$"),
        (run(DENSE, plan=PYTORCH, choices=ExportChoices(batch_size=2)), "--batch-size is for networks, and mask_rcnn:"),
        (run(DENSE, plan=PYTORCH, input_shapes=((None, (1, 3, 8, 8)),)), "--input-shape is for .onnx files"),
        (run(DENSE, compared=ComparisonPlan()), "no file is made of it: 'effmod bench mask_rcnn:pvt_tiny --runtime"),
    ],
)
def test_what_does_not_go_together_is_said(wrong: RunPlan, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        find_targets(wrong)


def test_feeds_in_turn_are_for_onnx_runtime(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    plan = BenchPlan(options=RuntimeOptions(runtime=Runtime.OPENVINO))
    asked = run(str(tmp_path / "x.onnx"), plan=plan, given=Given(source=tmp_path))
    with pytest.raises(TargetError, match="feeds in turn are for ONNX Runtime, not for openvino"):
        find_targets(asked)
