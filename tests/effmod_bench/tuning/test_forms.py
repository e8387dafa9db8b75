"""The forms that `effmod tune` tries, of somebody else's network from somebody else's script, too."""

import warnings
from pathlib import Path

import msgspec
import onnx
import timm
from timm.utils.onnx import onnx_export

from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.tuning.forms import file_forms, network_forms
from exporters.derived.feeds import make_feeds
from exporters.onnx import rewrites as onnx_rewrites
from exporters.proof.files import check_repeatable, compare_files
from models import Preprocessing, find_model
from results import Runtime
from tests.fakes import write_onnx


def test_the_forms_of_a_file_that_timm_exported_are_equal_to_it(tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    model = timm.create_model("convnext_atto", exportable=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx_export(model, str(path), batch_size=1, input_size=(3, 64, 64), opset=17)
    given = file_subject(path, {None: (1, 3, 64, 64)}, batch_size=1)
    first, *others = file_forms(Console(), given, tmp_path / "made")
    assert first.make().path == path
    made = [form.make() for form in others]
    feeds = make_feeds(path, onnx.load(path), {"input0": (1, 3, 64, 64)})
    check_repeatable(path, feeds)
    for each in made:
        assert compare_files(path, each.path, feeds).relative_error < 1e-5
    assert any(node.op_type == "Gelu" for node in onnx.load(made[-1].path).graph.node)


def test_a_rewritten_file_is_fed_what_the_original_is(folder: Path) -> None:
    """Or their outputs would differ, and equal files be called unequal."""
    given = file_subject(write_onnx(folder / "net.onnx", shape=("batch", 3, 8, 8)), {}, batch_size=2)
    given = msgspec.structs.replace(given, preprocessing=Preprocessing(mean=(0, 0, 0), std=(1, 1, 1)))
    for form in file_forms(Console(), given, folder / "made")[1:]:
        made = form.make()
        assert made.preprocessing == given.preprocessing
        assert made.artifact.inputs == given.artifact.inputs


def test_a_network_is_tried_in_forms_that_begin_with_the_plain_one() -> None:
    target = NetworkTarget(spec=find_model("efficientmod_xxs"), choices=ExportChoices(), as_it_is=False)
    names = [form.name for form in network_forms(Console(), target)]
    assert names[0] == "plain"
    assert {"plain, not simplified", "plain, opset 18", "rewritten"} <= set(names)


def test_a_file_is_tried_with_one_more_rewrite_each_time(folder: Path) -> None:
    given = file_subject(write_onnx(folder / "net.onnx"), {}, batch_size=1)
    first, *others = file_forms(Console(), given, folder)
    assert first.make() is given
    assert [form.name for form in others] == ["+".join(onnx_rewrites.NAMES[: i + 1]) for i in range(len(others))]
    assert len(others) == len(onnx_rewrites.NAMES)


def test_a_network_is_tried_on_each_runtime_by_turns_and_by_one_that_runs_it_itself_last() -> None:
    target = NetworkTarget(spec=find_model("efficientmod_xxs"), choices=ExportChoices(), as_it_is=False)
    runtimes = (Runtime.ONNXRUNTIME, Runtime.OPENVINO, Runtime.TORCH_COMPILE)
    forms = network_forms(Console(), target, runtimes)
    assert [form.name for form in forms[:4]] == ["plain", "plain, OpenVINO", "rewritten", "rewritten, OpenVINO"]
    assert [form.runtime for form in forms[:4]] == [*runtimes[:2], *runtimes[:2]]
    assert [form.name for form in forms if form.essential] == [form.name for form in forms[:4]]
    assert forms[-1].name == "the network, torch.compile"
    assert forms[-1].least_s > 0
    assert len({form.name for form in forms}) == len(forms) > 10


def test_a_file_is_made_once_for_all_runtimes(folder: Path) -> None:
    given = file_subject(write_onnx(folder / "net.onnx"), {}, batch_size=1)
    forms = file_forms(Console(), given, folder / "made", (Runtime.OPENVINO, Runtime.ONNXRUNTIME))
    assert [form.name for form in forms[:2]] == ["original", "original, ONNX Runtime"]
    assert forms[2].make() is forms[3].make()
