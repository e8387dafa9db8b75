import pytest

from models.dense.spec import BACKBONES, DenseSpec, Head, Mode, find_dense, is_dense, list_dense
from models.zoo.errors import UnknownModelError
from results.published import read_table


def test_the_backbones_are_the_papers() -> None:
    assert [row["name"] for row in read_table("table7_table11_downstream")] == list(BACKBONES)


def test_each_has_a_name_of_its_own_by_which_it_is_found() -> None:
    every = list_dense()
    assert len({spec.name for spec in every}) == len(every) == 8 * (2 * 2 + 1)
    assert all(find_dense(spec.name) == [spec] for spec in every)


def test_what_is_left_out_of_a_name_is_as_the_paper_has_it_first() -> None:
    (spec,) = find_dense("mask_rcnn:pvt_tiny")
    assert spec == DenseSpec(head=Head.MASK_RCNN, backbone="pvt_tiny", width=512, height=512, mode=Mode.DUMMY)
    assert find_dense("mask_rcnn:pvt_tiny@512x512+dummy") == [spec]
    (large,) = find_dense("mask_rcnn:pvt_tiny@1333x800+full")
    assert (large.width, large.height, large.padded, large.form) == (1333, 800, (800, 1344), "full")
    (segmenter,) = find_dense("semantic_fpn:pvt_tiny")
    assert (segmenter.name, segmenter.form) == ("semantic_fpn:pvt_tiny@512x512", "plain")


def test_a_pattern_stands_for_the_names_that_it_matches() -> None:
    assert [spec.backbone for spec in find_dense("mask_rcnn:*@1333x800+full")] == list(BACKBONES)
    with pytest.raises(UnknownModelError, match="no detector or segmenter matches 'mask_rcnn:vit\\*'"):
        find_dense("mask_rcnn:vit*")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mask_rcn:pvt_tiny", "no head 'mask_rcn'; did you mean 'mask_rcnn'"),
        ("mask_rcnn:efficientmod", "no backbone 'efficientmod'; did you mean 'efficientmod_s'"),
        (
            "mask_rcnn:pvt_tiny@800x1333",
            "no image size '800x1333' of mask_rcnn, width x height; did you mean '1333x800'",
        ),
        ("semantic_fpn:pvt_tiny@1333x800", "no image size '1333x800' of semantic_fpn"),
        ("mask_rcnn:pvt_tiny+ful", "no mode 'ful' of mask_rcnn; did you mean 'full'"),
        ("semantic_fpn:pvt_tiny+full", "semantic_fpn has no modes; leave \\+full out"),
        ("mask_rcnn:", "no backbone ''"),
    ],
)
def test_a_wrong_part_is_named_with_the_nearest(target: str, message: str) -> None:
    assert is_dense(target)
    with pytest.raises(UnknownModelError, match=message):
        find_dense(target)


@pytest.mark.parametrize("target", ["efficientmod_s", "timm:resnet18", "mine.py:net", "C:\\files\\x.onnx", "mask_rcnn"])
def test_other_targets_are_none_of_these(target: str) -> None:
    assert not is_dense(target)
