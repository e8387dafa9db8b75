import pytest
from matplotlib.figure import Figure

from results.plots.style import Look, Page, fit, looks, mark_at


def _x(values: list[float], *, narrow: bool = False) -> tuple[list[float], list[str], float]:
    axes = Figure().subplots()
    fit(axes.xaxis, values, narrow=narrow)
    low, high = axes.get_xlim()
    assert low < min(values) <= max(values) < high
    ticks = [float(tick) for tick in axes.get_xticks()]
    formatter = axes.xaxis.get_major_formatter()
    return ticks, [formatter(tick) for tick in ticks], high / low


@pytest.mark.parametrize("values", [[122.0], [121.0, 124.0], [5.0, 11.0], [1.8, 58.0], [4.0, 2100.0], [0.02, 900.0]])
@pytest.mark.parametrize("narrow", [False, True])
def test_an_axis_has_a_few_round_ticks_and_no_two_read_alike(values: list[float], narrow: bool) -> None:
    ticks, words, _ = _x(values, narrow=narrow)
    assert 3 <= len(ticks) <= 9
    assert len(set(words)) == len(words)
    assert all(len(word) <= 5 for word in words)


def test_an_axis_of_one_value_shows_half_of_it() -> None:
    """Not from 116 to 130 for one point at 122."""
    ticks, _, factor = _x([122.0])
    assert ticks == [100, 110, 120, 130, 140, 150]
    assert factor == pytest.approx(152.5 / 91.5)


def test_powers_are_shown_where_values_span_many() -> None:
    assert _x([1.8, 58.0])[0] == [2, 3, 5, 10, 20, 30, 50]
    assert _x([1.8, 58.0], narrow=True)[0] == [2, 5, 10, 20, 50]


def test_values_that_are_few_have_a_tick_each() -> None:
    axes = Figure().subplots()
    mark_at(axes.xaxis, [256, 224, 512, 224], most=3, log=True)
    assert axes.get_xticks().tolist() == [224, 256, 512]
    mark_at(axes.xaxis, range(1, 9), most=4, log=False)
    assert axes.get_xticks().tolist() == [1, 3, 5, 7]


def test_fifty_things_look_different() -> None:
    assert len(set(looks(50))) == 50


def test_small_letters_are_darker_than_what_they_name() -> None:
    assert Look("#E69F00", "o").ink == "#a57200"


def test_a_column_has_smaller_letters_than_a_page() -> None:
    narrow, wide = Page(3.3), Page()
    assert narrow.is_narrow
    assert not wide.is_narrow
    assert (narrow.font, narrow.small) < (wide.font, wide.small)
    assert narrow.characters(6) < wide.characters(6)
