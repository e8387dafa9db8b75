from results import Runtime, summarise
from results.statistics.downstream import Setting, beside_paper
from tests.fakes import make_round
from tests.results.support import dense_round


def test_rows_are_ranked_among_those_of_one_head_size_and_mode_in_the_papers_order() -> None:
    names = ("efficientmod_s", "resnet18", "pvt_tiny")
    large = ("efficientmod_s", "resnet18")
    found = beside_paper(
        summarise(
            [
                *(
                    dense_round(f"mask_rcnn:{name}@1333x800+full", [ms])
                    for name, ms in zip(large, (30, 40), strict=True)
                ),
                *(dense_round(f"mask_rcnn:{name}@512x512", [ms]) for name, ms in zip(names, (10, 20, 30), strict=True)),
                make_round(),
            ]
        )
    )
    small, full = found
    assert small.setting == Setting(head="mask_rcnn", size="512x512", mode="dummy")
    assert full.setting == Setting(head="mask_rcnn", size="1333x800", mode="full")
    assert [row.measurement.name.partition("@")[0] for row in small.rows] == [
        "mask_rcnn:resnet18",
        "mask_rcnn:pvt_tiny",
        "mask_rcnn:efficientmod_s",
    ]
    assert [row.paper_ms["A100"] for row in small.rows] == [15.8, 19.6, 29.7]
    assert [(row.rank, row.paper_rank) for row in small.rows] == [(2, 1), (3, 2), (1, 3)]
    assert small.rows[0].ratio == 20 / 15.8
    assert [(agreed.networks, round(agreed.tau, 2)) for agreed in small.agreements] == [(3, -0.33)]
    assert [row.paper_ms["A100"] for row in full.rows] == [19.2, 48.7]
    assert [agreed.tau for agreed in full.agreements] == [-1.0]


def test_only_what_pytorch_ran_as_it_is_stands_beside_the_papers_latency() -> None:
    compiled = dense_round("semantic_fpn:pvt_tiny@512x512", [10.0], runtime=Runtime.TORCH_COMPILE)
    lacking = dense_round("semantic_fpn:pvt_v2_b1@512x512", [10.0])
    (found,) = beside_paper(summarise([compiled, lacking]))
    assert [row.paper_ms for row in found.rows] == [{}, {}]
    assert [row.ratio for row in found.rows] == [None, None]
