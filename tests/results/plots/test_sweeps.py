"""Latency along one thing: which points belong to a line, and what is said of those that belong to none."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from results import Measurement, Round, summarise
from results.colours import BLACK, VERMILLION
from results.plots import sweep
from results.plots.kinds import SWEEPS, Kind
from results.plots.picture import PlotError
from results.plots.style import PALETTE, RED
from results.plots.sweeps import sweeps_of
from tests.fakes import make_round, timed_artifact
from tests.results.plots.support import texts_of


def by_size(name: str, sizes: Sequence[int], *, factor: float = 1.0) -> list[Round]:
    return [make_round([factor * (size / 100) ** 2], artifact=timed_artifact(name, image_size=size)) for size in sizes]


def by_argument(argument: str, values: Sequence[int]) -> list[Round]:
    return [
        make_round([float(value)], artifact=timed_artifact(f"{name}({argument}={value})"))
        for name in ("efficientmod_iso", "mbconv_iso")
        for value in values
    ]


def points_of(figure: Figure) -> list[list[tuple[float, float]]]:
    (axes,) = figure.axes
    lines = [np.asarray(c[0].get_xydata()) for c in axes.containers if isinstance(c, ErrorbarContainer)]
    return [[(float(x), float(y)) for x, y in line] for line in lines]


def test_each_network_has_a_line_whose_power_is_said() -> None:
    rounds = [*by_size("efficientmod_s", (288, 224, 256)), *by_size("edgevit_s", (224, 256, 288), factor=2)]
    figure = sweep(summarise(rounds), "resolution")
    first, second = points_of(figure)
    assert first == pytest.approx([(224, 5.0176), (256, 6.5536), (288, 8.2944)])
    assert [y for _, y in second] == pytest.approx([2 * y for _, y in first])
    texts = texts_of(figure)
    assert {"efficientmod_s (2.00)", "edgevit_s (2.00)", "side of the image, pixels", "256"} <= set(texts)
    assert any("the power of the side by which time grows" in text for text in texts)


def test_efficientmods_are_red_and_networks_of_ones_own_black() -> None:
    names = ("efficientmod_s", "efficientmod_s_conv", "edgevit_s", "mine.py:net", "mine.py:other")
    (axes,) = sweep(summarise([r for name in names for r in by_size(name, (224, 256))]), "resolution").axes
    lines = [c[0] for c in axes.containers if isinstance(c, ErrorbarContainer)]
    colours = [to_hex(line.get_color()).upper() for line in lines]
    assert (colours[:2], colours[3:]) == ([VERMILLION, RED], [BLACK, BLACK])
    assert colours[2] in PALETTE
    assert len({line.get_marker() for line in lines[:2] + lines[3:]}) == 4


def test_of_batches_the_time_of_an_image_is_drawn_however_they_were_warmed_up() -> None:
    rounds = [make_round([2.0 * size], artifact=timed_artifact(batch_size=size)) for size in (1, 2, 4)]
    colder = msgspec.structs.replace(rounds[2], plan=msgspec.structs.replace(rounds[2].plan, warmup_runs=10))
    figure = sweep(summarise([*rounds[:2], colder]), "batch")
    assert points_of(figure) == [[(1, 2.0), (2, 2.0), (4, 2.0)]]
    assert figure.axes[0].get_ylabel() == "latency of one image, ms"


def test_two_warm_ups_of_one_batch_are_two_lines() -> None:
    rounds = [make_round([2.0 * size], artifact=timed_artifact(batch_size=size)) for size in (1, 2)]
    colder = [msgspec.structs.replace(r, plan=msgspec.structs.replace(r.plan, warmup_runs=10)) for r in rounds]
    assert len(points_of(sweep(summarise([*rounds, *colder]), "batch"))) == 2


def test_threads_are_an_axis_and_no_setting() -> None:
    figure = sweep(summarise([make_round([8.0 / n], threads=n) for n in (1, 2, 4)]), "threads")
    assert points_of(figure) == [[(1, 8.0), (2, 4.0), (4, 2.0)]]
    assert "efficientmod_xxs" in texts_of(figure)


def test_lines_of_two_image_sizes_are_told_apart() -> None:
    rounds = [
        make_round([8.0 / n], threads=n, artifact=timed_artifact(image_size=size))
        for n in (1, 2)
        for size in (224, 256)
    ]
    found = sweeps_of({"": summarise(rounds)}, Kind.THREADS)
    assert [line.label for line in found.swept] == ["efficientmod_xxs, 224 px", "efficientmod_xxs, 256 px"]
    one = sweeps_of({"": summarise(rounds[::2])}, Kind.THREADS)
    assert one.shared == "A CPU, ONNX Runtime, batch 1, 224 px, plain form"


@pytest.mark.parametrize(("kind", "argument"), [("width", "dim"), ("width", "width"), ("kernel", "kernel_size")])
def test_an_argument_is_an_axis(kind: str, argument: str) -> None:
    figure = sweep(summarise(by_argument(argument, (3, 5, 9))), kind)
    assert points_of(figure) == [[(3, 3.0), (5, 5.0), (9, 9.0)]] * 2
    assert {"efficientmod_iso", "mbconv_iso"} <= set(texts_of(figure))


def test_the_isotropic_networks_of_table_6_are_of_two_widths() -> None:
    names = ("mbconv_iso_196", "mbconv_iso_256", "mbconv_hier_6m")
    found = sweeps_of({"": summarise([make_round(artifact=timed_artifact(name)) for name in names])}, Kind.WIDTH)
    assert [[point.x for point in line.points] for line in found.swept] == [[196, 256]]
    assert found.left_out == ("mbconv_hier_6m",)


def test_two_stores_are_two_lines() -> None:
    stores: dict[str, list[Measurement]] = {
        name: summarise(by_size("edgevit_s", (224, 256), factor=factor)) for name, factor in (("a", 1), ("b", 2))
    }
    figure = sweep(stores, Kind.RESOLUTION)
    assert len(points_of(figure)) == 2
    assert {"edgevit_s, a", "edgevit_s, b"} <= set(texts_of(figure))


def test_what_failed_is_part_of_no_line() -> None:
    failed = make_round(artifact=timed_artifact("edgevit_s", image_size=288), failure="crashed")
    found = sweeps_of({"": summarise([*by_size("edgevit_s", (224, 256)), failed])}, Kind.RESOLUTION)
    assert [[point.x for point in line.points] for line in found.swept] == [[224, 256]]
    assert found.left_out == ("edgevit_s",)


@pytest.mark.parametrize("kind", SWEEPS)
def test_a_store_without_a_sweep_says_what_measures_one(kind: Kind) -> None:
    with pytest.raises(PlotError, match=f"several {SWEEPS[kind].words}; 'effmod "):
        sweep(summarise([make_round()]), kind)


def test_a_columns_legend_stands_below_its_axes() -> None:
    rounds = [r for i in range(7) for r in by_size(f"network_{i}_with_a_long_name", (224, 512), factor=1 + i)]
    figure = sweep(summarise(rounds), "resolution", width_in=3.3)
    figure.draw_without_rendering()
    legend, (axes,) = figure.legends[0].get_window_extent(), figure.axes
    assert legend.y1 < axes.get_tightbbox().y0  # type: ignore[union-attr]
    assert legend.y0 >= 0
    assert legend.x1 <= figure.bbox.x1
