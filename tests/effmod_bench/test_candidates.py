"""Somebody else's network, exported by somebody else's script, in all the forms that `effmod tune` tries."""

import warnings
from pathlib import Path

import onnx
import timm
from timm.utils.onnx import onnx_export

from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from effmod_bench.tuning.candidates import file_forms
from exporters.derived.feeds import make_feeds
from exporters.proof.files import check_repeatable, compare_files


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
    feeds = make_feeds(onnx.load(path), {"input0": (1, 3, 64, 64)})
    check_repeatable(path, feeds)
    for each in made:
        assert compare_files(path, each.path, feeds).relative_error < 1e-5
    assert any(node.op_type == "Gelu" for node in onnx.load(made[-1].path).graph.node)
