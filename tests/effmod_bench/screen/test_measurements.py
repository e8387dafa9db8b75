import msgspec
import pytest

from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements, say_precision
from results import ComparisonPlan, compare, summarise
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat
from tests.fakes import make_comparison_process, make_round, session_facts


@pytest.mark.parametrize(("verbosity", "said"), [(0, False), (1, True)])
def test_what_ran_on_which_processor_is_told_where_more_is_asked(
    verbosity: int, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (measurement,) = summarise([make_round()])
    session = msgspec.structs.replace(session_facts(), nodes={"CPU": {"Add": 1, "Conv": 20}})
    measurement = msgspec.structs.replace(measurement, session=session)
    print_measurements(Console(verbosity), [measurement], measurement_table([measurement]), OutputFormat.TABLE)
    assert ("efficientmod_xxs: 21 operators on CPU: Conv 20, Add 1" in capsys.readouterr().err) is said


def test_each_reason_for_failing_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    measurements = summarise([make_round(failure="killed", index=i) for i in range(3)])
    print_measurements(Console(), measurements, measurement_table(measurements), OutputFormat.TABLE)
    assert capsys.readouterr().err.count("efficientmod_xxs: failed: killed") == 1


@pytest.mark.parametrize(("noise", "said"), [(0.0001, "timed runs of each\n"), (0.1, "timed runs of each, not yet to")])
def test_a_width_that_was_asked_for_is_reached_or_not_yet(
    noise: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ComparisonPlan(targets=("a", "b"), until=0.01)
    pairs = [make_comparison_process([1 + noise * (-1) ** i] * 2, plan=plan, index=i) for i in range(12)]
    say_precision(Console(), compare(pairs))
    err = capsys.readouterr().err
    assert err.startswith("b: known to within ")
    assert f"after 12 processes, 24 {said}" in err


def test_a_width_that_earlier_runs_keep_from_being_reached_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    plan = ComparisonPlan(targets=("a", "b"), until=0.01)
    runs = {"20260101T000000-0000": 1.0, "20260102T000000-0000": 1.2}
    pairs = [
        make_comparison_process([ratio + 0.0001 * (-1) ** i] * 2, plan=plan, index=i, run_id=run_id, minute=minute)
        for minute, (run_id, ratio) in enumerate(runs.items())
        for i in range(12)
    ]
    say_precision(Console(), [each for each in compare(pairs) if each.run_id == "20260102T000000-0000"])
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("b: known to within 39.4 %")
    assert "not yet to 1 %: this run came so far, but earlier ones of the pair differ by more" in said
