import msgspec
import pytest

from results import Round
from results.report.runs import runs_figure
from results.statistics.timed import Pool
from tests.fakes import make_round


def _figure(rounds: list[Round], points: int) -> tuple[list[dict[str, object]], str]:
    pool = Pool()
    figure = runs_figure([pool.timed_round(each) for each in rounds], points, "a network")
    return list(figure.traces), figure.caption


def test_each_round_is_a_line_and_all_runs_are_in_the_histogram() -> None:
    traces, caption = _figure([make_round([1.0, 2.0]), make_round([3.0, 2.0], index=1)], 100)
    first, second, histogram = traces
    assert (first["x0"], first["y"]) == (1, [1.0, 2.0])
    assert (second["x0"], second["y"]) == (3, [3.0, 2.0])
    assert sum(histogram["x"]) == 4  # type: ignore[call-overload]
    assert caption.startswith("Each point is a run,")


def test_of_many_runs_medians_are_drawn() -> None:
    traces, caption = _figure([make_round([float(i % 10 + 1) for i in range(1000)])], 100)
    assert len(traces[0]["y"]) == 100  # type: ignore[arg-type]
    assert set(traces[0]["y"]) == {5.5}  # type: ignore[call-overload]
    assert traces[0]["dx"] == 10
    assert "the median of 10 runs in a row" in caption


def test_what_lies_far_above_is_counted_in_words() -> None:
    _, caption = _figure([make_round([1.0] * 999 + [500.0])], 100)
    assert caption.endswith("1 run above the upper end, the slowest 500.00 ms.")


@pytest.mark.parametrize("runs", [1, 2])
def test_a_single_run_is_drawn(runs: int) -> None:
    record = msgspec.structs.replace(make_round([5.0] * runs), index=0)
    traces, _ = _figure([record], 30)
    assert sum(traces[1]["x"]) == runs  # type: ignore[call-overload]
