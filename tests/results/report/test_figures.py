import json
import math

import pytest

from results.report.figures import Figure, binned, log_ticks, rounded


def test_a_figure_is_json_that_no_script_can_end() -> None:
    figure = Figure(traces=({"name": "</script>"},), layout={}, label='a "label"', caption="<b>", height=100)
    html = str(figure.html())
    assert html.count("</script>") == 1
    assert "&lt;b&gt;" in html
    assert "a &#34;label&#34;" in html
    text = html.partition('<script type="application/json">')[2].partition("</script>")[0]
    assert json.loads(text) == {"data": [{"name": "</script>"}], "layout": {"height": 100}}


def test_a_histogram_counts_what_lies_within() -> None:
    assert binned([1.0, 1.1, 2.9, 9.0], 1.0, 3.0, 2) == ([1.5, 2.5], [2, 1])


@pytest.mark.parametrize(("low", "high", "few"), [(0.0, 1.0, "1.5"), (0.0, 2.0, "2"), (-2.0, 3.0, "10")])
def test_the_ticks_of_a_long_axis_are_fewer(low: float, high: float, few: str) -> None:
    ticks = log_ticks(low, high)
    assert few in ticks["ticktext"]
    assert len(ticks["ticktext"]) < 15
    assert [f"{x:g}" for x in ticks["tickvals"]] == ticks["ticktext"]


@pytest.mark.parametrize(
    ("low_ms", "high_ms", "ticks"),
    [
        (1.25, 1.32, ["1.26", "1.28", "1.3", "1.32"]),
        (7.1, 9.4, ["8", "9"]),
        (0.0111, 0.0129, ["0.0115", "0.012", "0.0125"]),
        (101, 149, ["110", "120", "130", "140"]),
    ],
)
def test_an_axis_of_few_percent_has_ticks(low_ms: float, high_ms: float, ticks: list[str]) -> None:
    assert log_ticks(math.log10(low_ms), math.log10(high_ms))["ticktext"] == ticks


def test_figures_have_five_digits() -> None:
    assert rounded(12.3456789) == 12.346
