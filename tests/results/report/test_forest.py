from results.report.forest import NO_INTERVAL, Row, forest
from results.statistics.estimate import Estimate, estimate


def _row(label: str, ratios: tuple[float, ...], verdict: str) -> Row:
    found = estimate(ratios) if len(ratios) > 1 else None
    ratio = found.ratio if found else ratios[0]
    return Row(label=label, ratio=ratio, estimate=found, verdict=verdict, lines=())


ROWS = [
    _row("a", (0.90, 0.91, 0.92), "faster"),
    _row("b", (1.2,), NO_INTERVAL),
    _row("c", (1.1, 1.11, 1.12), "slower"),
]


def _estimate(row: Row) -> Estimate:
    assert row.estimate
    return row.estimate


def test_each_row_has_its_ratio_its_interval_and_the_colour_of_its_verdict() -> None:
    figure = forest(ROWS, axis="ratio", label="", caption="")
    assert [trace["name"] for trace in figure.traces] == ["faster", NO_INTERVAL, "slower"]
    assert [trace["y"] for trace in figure.traces] == [[0], [1], [2]]
    first, alone, _ = figure.traces
    assert abs(first["x"][0] + first["error_x"]["array"][0] - _estimate(ROWS[0]).high) < 1e-4
    assert abs(first["x"][0] - first["error_x"]["arrayminus"][0] - _estimate(ROWS[0]).low) < 1e-4
    assert alone["error_x"]["array"] == [0]
    assert len({trace["marker"]["color"] for trace in figure.traces}) == 3
    assert figure.layout["yaxis"]["ticktext"] == ["a", "b", "c"]


def test_names_of_others_are_text_in_each_of_its_places() -> None:
    hostile = _row("<b>x</b>", (1.2,), "slower")
    figure = forest([hostile], axis="over <i>y</i>", label="", caption="")
    assert figure.layout["xaxis"]["title"]["text"] == "over &lt;i&gt;y&lt;/i&gt;"
    assert figure.layout["yaxis"]["ticktext"] == ["&lt;b&gt;x&lt;/b&gt;"]
    assert figure.traces[0]["hovertext"][0].startswith("<b>&lt;b&gt;x&lt;/b&gt;</b><br>")


def test_a_line_stands_at_one_and_one_at_each_gate() -> None:
    shapes = forest(ROWS, axis="", label="", caption="", limits=[1.05, 1.05]).layout["shapes"]
    assert [(shape["x0"], shape["line"]["dash"]) for shape in shapes] == [(1.0, "solid"), (1.05, "dash")]


def test_ratios_far_apart_have_a_logarithmic_axis_that_no_endless_interval_widens() -> None:
    assert "type" not in forest(ROWS, axis="", label="", caption="").layout["xaxis"]
    wide = forest([*ROWS, _row("d", (0.1, 20.0), "not distinguishable")], axis="", label="", caption="").layout["xaxis"]
    assert wide["type"] == "log"
    assert 10 ** wide["range"][1] < 10
