"""Every run against time: which panels there are, and what is seen in them."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from results import Round
from results.plots import distribution
from results.plots.picture import PlotError
from results.records.plan import RuntimeOptions
from results.statistics.samples import samples_of
from results.statistics.timed import Pool
from tests.fakes import MACHINE, make_comparison_process, make_round, on_board, timed_artifact
from tests.results.plots.support import texts_of


def samples(rounds: Sequence[Round]) -> pd.DataFrame:
    return samples_of([Pool().timed_round(record) for record in rounds])


def runs_of(figure: Figure, panel: int = 0) -> npt.NDArray[np.float64]:
    """(runs, 2): when each ran, in minutes, and how long it took."""
    dots, *_ = figure.axes[2 * panel].lines
    return np.asarray(dots.get_xydata())


def test_every_run_stands_where_it_ran() -> None:
    figure = distribution(samples([make_round([10, 20], index=0), make_round([30, 40], index=30)]))
    runs = runs_of(figure)
    assert runs[:, 1].tolist() == [10, 20, 30, 40]
    assert (np.diff(runs[:, 0]) * 60e3).tolist() == pytest.approx([10, 30_000 - 10, 30])
    (medians,) = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    assert [segment[0][1] for segment in medians.get_segments()] == [15, 35]


def test_two_speeds_are_two_humps() -> None:
    rounds = [make_round(np.linspace(low, low + 0.5, 50).tolist(), index=i) for i, low in enumerate((5, 8, 5, 8))]
    figure = distribution(samples(rounds))
    heights = [p.get_width() for p in figure.axes[1].patches if isinstance(p, Rectangle)]
    assert sum(heights) == 200
    filled = "".join("x" if height else " " for height in heights).split()
    assert len(filled) == 2


def test_each_network_has_a_panel_by_image_size() -> None:
    artifacts = [timed_artifact("b", image_size=size) for size in (288, 224)] + [timed_artifact("a")]
    figure = distribution(samples([make_round(artifact=artifact) for artifact in artifacts]))
    titles = [axes.get_title(loc="left") for axes in figure.axes[::2]]
    assert titles == ["b, 224 px", "b, 288 px", "a, 224 px"]
    assert "A CPU, ONNX Runtime, 2 threads, batch 1, plain form" in texts_of(figure)


def test_files_of_one_name_are_told_apart_by_their_hashes() -> None:
    other = msgspec.structs.replace(timed_artifact(), sha256="6" * 64)
    figure = distribution(samples([make_round(), make_round(artifact=other)]))
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == [
        "efficientmod_xxs, 5555555",
        "efficientmod_xxs, 6666666",
    ]


def test_each_board_has_a_panel() -> None:
    figure = distribution(samples([make_round([10.0, 11.0]), on_board(make_round([30.0, 31.0]), "pi5")]))
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == ["efficientmod_xxs", "efficientmod_xxs, on pi5"]
    assert runs_of(figure, 1)[:, 1].tolist() == [30, 31]


def test_what_tables_tell_apart_is_not_pooled() -> None:
    """Or two settings would look like a machine of two speeds."""
    usual = make_round([10.0, 11.0], machine=msgspec.structs.replace(MACHINE, affinity=(0, 1)))
    other_cores = make_round([30.0, 31.0], machine=msgspec.structs.replace(MACHINE, affinity=(4, 5)))
    options = RuntimeOptions(denormal_as_zero=True)
    other_mode = msgspec.structs.replace(usual, plan=msgspec.structs.replace(usual.plan, options=options))
    other_warmup = msgspec.structs.replace(usual, plan=msgspec.structs.replace(usual.plan, warmup_runs=500))
    figure = distribution(samples([usual, other_cores, other_mode]))
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == [
        "efficientmod_xxs, cores 0-1",
        "efficientmod_xxs, cores 4-5",
        "efficientmod_xxs, cores 0-1, subnormals as zero",
    ]
    assert runs_of(figure, 1)[:, 1].tolist() == [30, 31]
    figure = distribution(samples([usual, other_warmup]))
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == [
        "efficientmod_xxs, 50 warm-up runs",
        "efficientmod_xxs, 500 warm-up runs",
    ]


def test_what_was_timed_in_turn_has_a_panel_each() -> None:
    pairs = [Pool().timed_pair(make_comparison_process([1.1, 1.2], index=i)) for i in range(3)]
    figure = distribution(samples_of([], pairs))
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == [
        "efficientmod_xxs, in turn with efficientmod_xs",
        "efficientmod_xs, in turn with efficientmod_xxs",
    ]
    assert runs_of(figure, 1)[:, 1].tolist() == pytest.approx([1.1, 1.2] * 3)


def test_the_pause_between_two_runs_of_effmod_is_left_out() -> None:
    first = make_round([10] * 10, run_id="20260101T000000-0000")
    later = make_round([10] * 10, run_id="20260108T000000-0000")
    later = msgspec.structs.replace(later, started_at="2026-01-08T00:00:00.000+00:00")
    figure = distribution(samples([first, later]))
    assert runs_of(figure)[-1, 0] < 1
    assert "minutes of measuring, one run of effmod after the other" in texts_of(figure)


def test_a_rare_spike_does_not_flatten_the_rest_and_is_said() -> None:
    figure = distribution(samples([make_round([*np.linspace(10, 11, 400).tolist(), 500.0])]))
    assert figure.axes[0].get_ylim()[1] < 20
    assert "efficientmod_xxs  (1 of 401 runs above, up to 500 ms)" in texts_of(figure)


def test_of_very_many_runs_some_are_dots_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results.plots.distributions._MOST_DOTS", 40)
    figure = distribution(samples([make_round(np.linspace(10, 11, 100).tolist())]))
    assert len(runs_of(figure)) == 34
    assert sum(p.get_width() for p in figure.axes[1].patches if isinstance(p, Rectangle)) == 100
    assert any("one dot for 3 runs" in text for text in texts_of(figure))


def test_more_networks_than_a_picture_holds_are_refused_with_what_helps() -> None:
    rounds = [make_round(artifact=timed_artifact(f"n{i}")) for i in range(13)]
    with pytest.raises(PlotError, match=r"13 networks .* with --select"):
        distribution(samples(rounds))


def test_no_runs_are_no_picture() -> None:
    with pytest.raises(PlotError, match="no runs"):
        distribution(samples([make_round()]).iloc[:0])


def test_a_spike_among_few_runs_is_left_above_too() -> None:
    figure = distribution(samples([make_round([*np.linspace(10, 11, 59).tolist(), 500.0])]))
    assert figure.axes[0].get_ylim()[1] < 20
    assert "efficientmod_xxs  (1 of 60 runs above, up to 500 ms)" in texts_of(figure)
