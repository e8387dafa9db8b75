from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import msgspec
import pytest

from results import Round, published, summarise
from results.plots.picture import PlotError
from results.plots.tradeoff import pareto_front, plot_tradeoff
from results.published import read_table
from results.tables.visible import visible
from tests.fakes import MACHINE, make_round, timed_artifact


def test_the_pareto_front_holds_what_nothing_beats() -> None:
    points = [(10.0, 76.0), (12.0, 75.0), (13.0, 78.0), (13.0, 77.0), (9.0, 70.0), (20.0, 78.0)]
    assert pareto_front(points) == [4, 0, 2]


def test_of_equal_points_one_is_on_the_front() -> None:
    assert pareto_front([(1.0, 2.0), (1.0, 2.0)]) == [0]
    assert pareto_front([]) == []


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_drawn(ending: str, tmp_path: Path) -> None:
    names = ["efficientmod_xxs", "efficientmod_xs", "efficientmod_s", "mine.onnx"]
    rounds = [
        make_round([10.0 + i], artifact=timed_artifact(name, form=None if "." in name else "plain"))
        for i, name in enumerate(names)
    ]
    path = tmp_path / f"tradeoff.{ending}"
    assert plot_tradeoff(summarise(rounds), path) == ["mine.onnx"]
    assert path.stat().st_size > 5000
    if ending == "svg":
        first = path.read_bytes()
        plot_tradeoff(summarise(rounds), path)
        assert path.read_bytes() == first  # a picture in git changes only when its records do


@pytest.mark.parametrize("cpu", ["_CPU $x$ $", "$\\\\frac{$ $x$", "two\nlines\x1b[0m"])
def test_a_machines_name_is_no_formula_and_stands_in_the_legend(cpu: str, tmp_path: Path) -> None:
    machine = msgspec.structs.replace(MACHINE, cpu_model=cpu)
    path = tmp_path / "a.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plot_tradeoff(summarise([make_round(machine=machine)]), path)
    texts = [element.text for element in ElementTree.parse(path).iter() if element.tag.endswith("}text")]
    (legend,) = (text.strip() for text in texts if text and "2 threads" in text)
    assert legend.startswith(visible(cpu))


SAME = dict.fromkeys(("efficientmod_xxs", "mobilenetv2_100", "edgevit_xxs", "mobileone_s1", "deit_tiny"), 10.0)
TABLE_1 = {row["name"]: float(row["cpu_e5_2680_4t_ms"]) for row in read_table("table1")}


@pytest.mark.parametrize("milliseconds", [SAME, TABLE_1])
def test_labels_do_not_overlap(milliseconds: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    figures = []
    original = Figure.savefig

    def keep(self: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    rounds = [
        make_round([ms], artifact=timed_artifact(name, image_size=published()[name].image_size))
        for name, ms in milliseconds.items()
    ]
    plot_tradeoff(summarise(rounds), tmp_path / "x.png")
    texts = figures[0].axes[0].texts
    boxes = [text.get_window_extent() for text in texts if text.get_text().partition(" (")[0] in milliseconds]
    assert len(boxes) == len(milliseconds)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def texts_of(rounds: Iterable[Round], path: Path) -> list[str]:
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plot_tradeoff(summarise(rounds), path)
    return [(element.text or "").strip() for element in ElementTree.parse(path).iter() if element.tag.endswith("}text")]


def test_a_network_of_other_images_than_most_of_its_front_says_their_size(tmp_path: Path) -> None:
    names = ("efficientmod_xxs", "efficientmod_xs", "mobilevit_xs")
    artifacts = [timed_artifact(name, image_size=published()[name].image_size) for name in names]
    texts = texts_of([make_round([10.0 + i], artifact=each) for i, each in enumerate(artifacts)], tmp_path / "a.svg")
    assert {"efficientmod_xxs", "efficientmod_xs", "mobilevit_xs (256 px)"} <= set(texts)


def test_what_ran_on_other_cores_or_warmed_up_otherwise_has_a_front_of_its_own(tmp_path: Path) -> None:
    record = make_round(machine=msgspec.structs.replace(MACHINE, affinity=(0, 1)))
    moved = make_round(machine=msgspec.structs.replace(MACHINE, affinity=(4, 5)))
    colder = msgspec.structs.replace(record, plan=msgspec.structs.replace(record.plan, warmup_runs=0))
    texts = texts_of([record, moved, colder], tmp_path / "a.svg")
    fronts = [text for text in texts if text.startswith("A CPU")]
    assert [text.partition("plain form, ")[2] for text in fronts] == [
        "warm-up runs: 50, cores: 0-1",
        "warm-up runs: 50, cores: 4-5",
        "warm-up runs: 0, cores: 0-1",
    ]


def test_nothing_to_draw_says_so(tmp_path: Path) -> None:
    own = summarise([make_round(artifact=timed_artifact("mine.onnx", form=None))])
    with pytest.raises(PlotError, match="nothing to draw"):
        plot_tradeoff(own, tmp_path / "x.png")


@pytest.mark.parametrize("name", ["x.xyz", "x"])
def test_an_ending_that_cannot_be_drawn_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlotError, match=r"choose \.png"):
        plot_tradeoff(summarise([make_round()]), tmp_path / name)
