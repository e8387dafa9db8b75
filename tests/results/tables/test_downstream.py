from results import summarise
from results.tables.downstream import downstream_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_round
from tests.results.support import dense_round


def cells(names: list[str], rounds: list[tuple[str, float]]) -> list[list[str]]:
    table = downstream_table(summarise(dense_round(name, [ms]) for name, ms in rounds))
    columns = {column.key: column for column in table.columns}
    return [[columns[name].text(row) for name in names] for row in table.rows]


def test_each_row_says_what_stands_on_which_backbone_and_holds_the_papers_figures_of_that_head() -> None:
    keys = ["backbone", "head", "image", "mode_of_head", "params", "published_params_m"]
    assert cells(
        keys, [("mask_rcnn:efficientmod_s@1333x800+full", 100.0), ("semantic_fpn:resnet18@512x512", 10.0)]
    ) == [
        ["efficientmod_s", "Mask R-CNN", "1333x800", "full", "32.63", "32.6"],
        ["resnet18", "Semantic FPN", "512x512", "", "32.63", "15.5"],
    ]
    keys = ["macs", "macs_without_attention", "published_flops_g", "published_ap_box", "published_ap_mask"]
    assert cells([*keys, "published_miou"], [("mask_rcnn:efficientmod_s@512x512", 100.0)]) == [
        ["30.5", "28.1", "", "43.6", "40.3", ""]
    ]
    assert cells([*keys, "published_miou"], [("semantic_fpn:efficientmod_s@512x512", 100.0)]) == [
        ["30.5", "28.1", "28.1", "", "", "46.0"]
    ]


def test_our_latency_stands_beside_the_papers_and_nms_and_pasting_apart() -> None:
    keys = ["mean_ms", "published_a100_ms", "paper_ratio", "nms_ms", "paste_ms"]
    rounds = [("mask_rcnn:pvt_tiny@512x512", 98.0), ("mask_rcnn:pvt_tiny@512x512+full", 196.0)]
    assert cells(keys, rounds) == [["98.00", "19.6", "5.00", "", ""], ["196.00", "19.6", "10.00", "98.00", "19.60"]]


def test_the_notes_say_what_the_table_lacks_and_that_it_is_other_hardware() -> None:
    rounds = [dense_round(f"semantic_fpn:{name}@512x512", [10.0]) for name in ("pvt_v2_b1", "pvt_tiny", "resnet18")]
    text = render(downstream_table(summarise([*rounds, make_round()])), OutputFormat.MARKDOWN)
    assert "Not the paper's hardware here." in text
    assert "The paper has no latency of Semantic FPN on pvt_v2_b1." in text
    assert (
        "Not measured in Semantic FPN at 512x512: poolformer_s12, efficientmod_s_conv, efficientformer_l1, "
        "efficientformerv2_s2, efficientmod_s." in text
    )
    assert "Neither detector nor segmenter, and left out: efficientmod_xxs." in text
    assert "dummy: " not in text


def test_the_rows_of_one_setting_are_told_apart_by_what_differs_besides() -> None:
    slow = dense_round("semantic_fpn:pvt_tiny@512x512", [10.0])
    table = downstream_table(summarise([slow, make_round([20.0], artifact=slow.artifact, threads=1)]))
    assert [column.header for column in table.main_columns() if column.key in ("threads", "runtime")] == [
        "runtime",
        "threads",
    ]
