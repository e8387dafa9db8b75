"""Accuracy against latency: what is drawn, what stands beside it, and that nothing meets anything else."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from results import Measurement, published, summarise
from results.colours import BLACK, VERMILLION
from results.plots import save, tradeoff
from results.plots.front import pareto_front
from results.plots.labels import meets
from results.plots.picture import PlotError
from results.tables.visible import visible
from tests.fakes import MACHINE, make_accuracy, make_hand_entry, make_round, timed_artifact
from tests.results.plots.support import TABLE_1, boxes_of, measured, names_on, texts_of

ROOT = Path(__file__).resolve().parents[3]
SAME = dict.fromkeys(("efficientmod_xxs", "mobilenetv2_100", "edgevit_xxs", "mobileone_s1", "deit_tiny"), 10.0)
EFFICIENTMOD = {"efficientmod_xxs": 10.0, "efficientmod_xs": 11.0, "efficientmod_s": 12.0}


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_the_same_each_time(ending: str, tmp_path: Path) -> None:
    """A picture in git changes only when its records do."""
    path = tmp_path / f"tradeoff.{ending}"
    save(tradeoff(measured(EFFICIENTMOD)), path)
    first = path.read_bytes()
    assert len(first) > 5000
    save(tradeoff(measured(EFFICIENTMOD)), path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("cpu", ["_CPU $x$ $", "$\\\\frac{$ $x$", "two\nlines\x1b[0m"])
def test_a_machines_name_is_no_formula(cpu: str, tmp_path: Path) -> None:
    machine = msgspec.structs.replace(MACHINE, cpu_model=cpu)
    figure = tradeoff(summarise([make_round(machine=machine), make_round(threads=1, machine=machine)]))
    assert any(text.startswith(visible(cpu)) for text in texts_of(figure))
    save(figure, tmp_path / "a.svg")


def errorbars_of(axes: Axes) -> list[ErrorbarContainer]:
    return [each for each in axes.containers if isinstance(each, ErrorbarContainer)]


def lines_of(axes: Axes) -> npt.NDArray[np.float64]:
    """Bars and fronts, in pixels: (n, 2, 2)."""
    bars = [path.vertices for each in errorbars_of(axes) for bar in each[2] for path in bar.get_paths()]
    fronts = [np.asarray(line.get_xydata()) for line in axes.lines if line.get_linewidth() == 2.5]
    steps = [front[i : i + 2] for front in fronts for i in range(len(front) - 1)]
    ends = axes.transData.transform(np.concatenate([np.asarray(part) for part in (*bars, *steps)]))
    return ends.reshape(-1, 2, 2)


def assert_nothing_meets(axes: Axes, count: int) -> None:
    boxes = boxes_of(axes)
    assert len(boxes) == count
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    corners = np.array([[box.x0, box.y0, box.x1, box.y1] for box in boxes])
    lines = lines_of(axes)
    assert len(lines) > count / 2
    assert not meets(lines, corners).any()
    points = axes.transData.transform([np.asarray(each[0].get_xydata())[0] for each in errorbars_of(axes)])
    assert not meets(np.stack([points, points], axis=1), corners).any()
    whole = axes.get_window_extent()
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1 for box in boxes)


@pytest.mark.parametrize("width_in", [7.2, 3.3])
@pytest.mark.parametrize("milliseconds", [SAME, TABLE_1])
def test_names_meet_nothing(milliseconds: dict[str, float], width_in: float) -> None:
    (axes,) = tradeoff(measured(milliseconds), width_in=width_in).axes
    assert_nothing_meets(axes, len(milliseconds))


@pytest.mark.parametrize("factor", [1.4, 3.0])
def test_names_of_two_stores_stand_once_and_meet_nothing(factor: float) -> None:
    stores = {"before": measured(TABLE_1), "after": measured({name: ms * factor for name, ms in TABLE_1.items()})}
    (axes,) = tradeoff(stores).axes
    assert len(axes.containers) == 50
    assert_nothing_meets(axes, 25)


def test_names_meet_no_legend() -> None:
    figure = tradeoff(measured(TABLE_1), width_in=3.3)
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    (axes,) = figure.axes
    assert legend.y1 < axes.get_tightbbox().y0  # type: ignore[union-attr]
    assert legend.y0 >= 0
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.x1


def colours_of(axes: Axes) -> list[str]:
    return [to_hex(c[0].get_color()).upper() for c in errorbars_of(axes)]


def shapes_of(axes: Axes) -> list[str]:
    return [str(c[0].get_marker()) for c in errorbars_of(axes)]


def test_families_are_joined_and_efficientmod_is_seen_first() -> None:
    networks = EFFICIENTMOD | {"edgevit_xxs": 9.0, "edgevit_xs": 10.0, "poolformer_s12": 20.0}
    (axes,) = tradeoff(measured(networks)).axes
    colours = colours_of(axes)
    assert colours[:3] == [VERMILLION] * 3
    assert len(set(colours)) == 3
    joined = [
        len(np.asarray(line.get_xdata()))
        for line in axes.lines
        if line.get_linestyle() == "-" and line.get_zorder() == 2
    ]
    assert sorted(joined) == [1, 2, 3]
    assert {t.get_text() for t in names_on(axes) if t.get_fontweight() == "bold"} == set(EFFICIENTMOD)


def test_each_way_of_timing_has_a_look_of_its_own_which_the_legend_names() -> None:
    rounds = [make_round(artifact=timed_artifact(batch_size=size)) for size in (1, 2, 4, 8)]
    figure = tradeoff(summarise(rounds))
    (axes,) = figure.axes
    assert len(set(colours_of(axes))) == len(set(shapes_of(axes))) == 4
    assert [t.get_text() for t in names_on(axes)] == ["efficientmod_xxs"]
    assert {"batch 1", "batch 2", "batch 4", "batch 8"} <= set(texts_of(figure))
    assert "A CPU, ONNX Runtime, 2 threads, plain form" in texts_of(figure)


def test_the_front_is_drawn_for_each_way_of_timing() -> None:
    stores = {"a": measured(EFFICIENTMOD), "b": measured({name: 2 * ms for name, ms in EFFICIENTMOD.items()})}
    (axes,) = tradeoff(stores).axes
    fronts = [line for line in axes.lines if line.get_linewidth() == 2.5]
    assert len(fronts) == 2
    top1 = [published()[name].top1 for name in EFFICIENTMOD]
    assert list(dict.fromkeys(np.asarray(fronts[0].get_ydata()).tolist())) == top1
    assert pareto_front([(10, 76.0), (11, 78.3), (12, 81.0)]) == [0, 1, 2]


def test_a_network_of_other_images_than_most_says_their_size() -> None:
    (axes,) = tradeoff(measured({"efficientmod_xxs": 10, "efficientmod_xs": 11, "mobilevit_xs": 12})).axes
    assert {t.get_text() for t in names_on(axes)} == {"efficientmod_xxs", "efficientmod_xs", "mobilevit_xs (256 px)"}


def test_in_a_column_families_stand_in_the_legend_and_sizes_at_the_points() -> None:
    figure = tradeoff(measured(TABLE_1), width_in=3.3)
    (axes,) = figure.axes
    assert {"xxs", "s12", "150 (256 px)"} <= {t.get_text() for t in names_on(axes)}
    assert {"efficientmod", "poolformer", "mobilevitv2"} <= set(texts_of(figure))


def test_what_was_entered_by_hand_is_hollow_and_says_so() -> None:
    figure = tradeoff(measured(EFFICIENTMOD), [make_hand_entry("mobileone_s1"), make_hand_entry("edgevit_xxs")])
    (axes,) = figure.axes
    hollow = [c[0].get_markerfacecolor() == "white" for c in errorbars_of(axes)]
    assert hollow == [False] * 3 + [True] * 2
    texts = texts_of(figure)
    assert any("iPhone 13" in text and "entered by hand" in text for text in texts)
    assert any("A CPU" in text and "entered by hand" not in text for text in texts)


def test_figures_entered_by_hand_alone_are_a_picture() -> None:
    (axes,) = tradeoff([], [make_hand_entry("mobileone_s1"), make_hand_entry("mobilevit_xs", p50_ms=9.0)]).axes
    placed = {t.get_text(): t.xy for t in names_on(axes)}
    assert placed["mobileone_s1"] == (0.876, published()["mobileone_s1"].top1)
    assert placed["mobilevit_xs (256 px)"][0] == 9.0


def own() -> list[Measurement]:
    return summarise([make_round([10.5], artifact=timed_artifact("mine.py:net(width=48)", form=None))])


def test_a_network_of_ones_own_has_no_accuracy_and_stands_at_the_lower_edge() -> None:
    figure = tradeoff([*measured(EFFICIENTMOD), *own()])
    (axes,) = figure.axes
    (mine,) = [t for t in names_on(axes) if t.get_text().startswith("mine")]
    assert mine.xy == (10.5, axes.get_ylim()[0])
    assert mine.get_fontweight() == "bold"
    assert "accuracy unknown" in texts_of(figure)


@pytest.mark.parametrize(
    ("across", "values"), [("macs", [0.583000064] * 3), ("params", [4.736264] * 3), ("cpu", [10, 11, 12])]
)
def test_accuracy_can_be_set_against_what_is_counted(across: str, values: Sequence[float]) -> None:
    (axes,) = tradeoff(measured(EFFICIENTMOD), across=across).axes
    assert [t.xy[0] for t in sorted(names_on(axes), key=lambda t: t.xy[1])] == pytest.approx(values)
    assert ("latency" in axes.get_xlabel()) == (across == "cpu")


def test_the_accuracy_is_called_published() -> None:
    assert tradeoff(measured(EFFICIENTMOD)).axes[0].get_ylabel() == "published ImageNet top-1, %"


def mine(right: int, *, images: int = 360, classes: int = 10, data: str = "val") -> Measurement:
    """A network of the user's own, with an accuracy over these images."""
    artifact = msgspec.structs.replace(timed_artifact("mine.py:net"), sha256="7" * 64)
    record = msgspec.structs.replace(
        make_accuracy(artifact), right=right, right_in_five=images, images=images, classes=classes, data=data
    )
    return summarise([make_round([4.0], artifact=artifact)], accuracies=[record])[0]


def test_accuracies_over_other_images_have_a_panel_and_a_front_of_their_own() -> None:
    first, second = tradeoff([*measured(EFFICIENTMOD), mine(36)]).axes
    assert (first.get_ylabel(), second.get_ylabel()) == (
        "published ImageNet top-1, %",
        "top-1 over val (10 classes, d1d1d1d), %",
    )
    assert [t.get_text() for t in names_on(second)] == ["mine.py:net (measured here)"]
    (front,) = [line for line in first.lines if line.get_linewidth() == 2.5]
    assert min(np.asarray(front.get_ydata())) == 76.0


def test_the_axis_of_accuracies_is_straight_however_far_they_lie_apart() -> None:
    (axes,) = tradeoff([*measured(EFFICIENTMOD), mine(5_000, images=50_000, classes=1000)]).axes
    assert axes.get_yscale() == "linear"
    assert tradeoff([mine(0)]).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("width_in", [7.2, 3.3])
def test_what_stands_beside_an_axis_is_no_longer_than_it(width_in: float) -> None:
    garden = mine(36, data="photographs of my garden and of " * 2)
    figure = tradeoff([*measured(EFFICIENTMOD), garden], width_in=width_in)
    figure.draw_without_rendering()
    for axes in figure.axes:
        label, panel = axes.yaxis.label.get_window_extent(), axes.get_window_extent()
        assert panel.y0 <= label.y0
        assert label.y1 <= panel.y1


@pytest.mark.parametrize("across", [None, "macs", "params"])
def test_a_network_of_ones_own_with_an_accuracy_is_black(across: str | None) -> None:
    networks = [*measured(EFFICIENTMOD | {"edgevit_xxs": 9.0}), mine(40_000, images=50_000, classes=1000)]
    (axes,) = tradeoff(networks, across=across).axes
    assert colours_of(axes).count(BLACK) == 1
    assert colours_of(axes)[-1] == BLACK
    assert colours_of(axes).count(VERMILLION) == 3


def test_an_accuracy_that_is_not_the_papers_stands_beside_it_and_says_so() -> None:
    figure = tradeoff([*measured({"efficientmod_xxs": 5.0}), mine(40_000, images=50_000, classes=1000)])
    (axes,) = figure.axes
    at = {text.get_text(): text.xy[1] for text in names_on(axes)}
    assert at["mine.py:net (measured here)"] == pytest.approx(80.0)
    assert at["efficientmod_xxs"] == 76.0
    assert axes.get_ylabel() == "top-1, %"
    assert any("top-1 is ImageNet's as published, where no name says otherwise" in t for t in texts_of(figure))


def test_detectors_and_segmenters_have_panels_of_their_own() -> None:
    names = ("mask_rcnn:resnet18@512x512", "mask_rcnn:pvt_tiny@512x512", "semantic_fpn:resnet18@512x512")
    rounds = [make_round([100.0 + i], artifact=timed_artifact(name, image_size=512)) for i, name in enumerate(names)]
    figure = tradeoff(summarise(rounds))
    assert [axes.get_ylabel() for axes in figure.axes] == ["published box AP on COCO, %", "published mIoU on ADE20K, %"]
    assert [[t.get_text() for t in names_on(axes)] for axes in figure.axes] == [["resnet18", "pvt_tiny"], ["resnet18"]]


@pytest.mark.parametrize(
    ("across", "words"),
    [
        (None, "a latency and an accuracy"),
        ("gpu", "--device cuda"),
        ("macs", "multiply-adds"),
        ("params", "parameters"),
    ],
)
def test_nothing_to_draw_says_so(across: str | None, words: str) -> None:
    with pytest.raises(PlotError, match=words):
        tradeoff(own(), across=across)


@pytest.mark.parametrize("name", ["x.xyz", "x"])
def test_an_ending_that_cannot_be_drawn_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlotError, match=r"choose \.png"):
        save(tradeoff(measured(EFFICIENTMOD)), tmp_path / name)


def test_more_than_can_be_told_apart_is_refused_with_what_helps() -> None:
    record = make_round()
    ways = [
        msgspec.structs.replace(record, plan=msgspec.structs.replace(record.plan, warmup_runs=i)) for i in range(51)
    ]
    with pytest.raises(PlotError, match="51 ways, more than the 50"):
        tradeoff(summarise(ways))
    own_files = [make_round(artifact=timed_artifact(f"mine.py:net{i}", form=None)) for i in range(150)]
    with pytest.raises(PlotError, match="151 networks are more than the 150"):
        tradeoff(summarise([record, *own_files]))
