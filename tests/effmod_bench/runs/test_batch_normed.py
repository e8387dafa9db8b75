from pathlib import Path

import pytest

from effmod_bench.runs.batch_normed import Student, find_student
from effmod_bench.targets.names import find_network
from models import UnknownModelError, find_model
from models.zoo.batch_normed import NAME


def test_a_network_of_that_name_is_trained_as_it_is() -> None:
    student = find_student("efficientmod_xxs_conv_bn", image_size=None)
    assert student == Student(spec=find_model("efficientmod_xxs_conv_bn"))
    assert student.learns_from_layer_norms(find_model("efficientmod_xxs_conv"))
    assert not student.learns_from_layer_norms(find_model("efficientmod_xxs"))


def test_where_there_is_none_it_is_the_network_before_the_ending_without_its_layer_norms() -> None:
    student = find_student("efficientmod_xxs_bn", image_size=None)
    assert student == Student(spec=find_model("efficientmod_xxs"), rewrites=(NAME,))
    assert student.learns_from_layer_norms(find_model("efficientmod_xxs(num_classes=10)"))
    assert not student.learns_from_layer_norms(find_model("efficientmod_xs"))


def test_a_function_may_have_a_network_of_its_own_under_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function = "def {}():\n    return nn.Conv2d(3, 4, 1)\n"
    Path("own.py").write_text("from torch import nn\n" + function.format("net") + function.format("other_bn"))
    assert find_student("own.py:net_bn", image_size=32).rewrites == (NAME,)
    assert find_student("own.py:other_bn", image_size=32).rewrites == ()


def test_a_teacher_is_known_wherever_its_file_lies_and_whatever_weights_of_timms_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text("from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 1)\n")
    student = find_student("./own.py:net_bn", image_size=32)
    assert student.learns_from_layer_norms(find_model("own.py:net", image_size=32))
    assert student.learns_from_layer_norms(find_model(f"{tmp_path}/own.py:net", image_size=32))
    timms = Student(spec=find_model("timm:test_vit"), rewrites=(NAME,))
    assert timms.learns_from_layer_norms(find_model("timm:test_vit.r160_in1k"))


def test_weights_that_timm_does_not_have_are_named() -> None:
    with pytest.raises(UnknownModelError, match=r"has no weights 'test_vit\.nothing'"):
        find_network("timm:test_vit.nothing", image_size=None)
    assert find_student("timm:test_vit.r160_in1k_bn", image_size=None).rewrites == (NAME,)


def test_a_name_of_nothing_is_refused_as_it_was_written() -> None:
    with pytest.raises(UnknownModelError, match="no network 'nothing_bn'"):
        find_student("nothing_bn", image_size=None)
