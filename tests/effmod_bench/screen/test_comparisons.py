import pytest

from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from results import ComparisonPlan, compare
from results.tables.write import OutputFormat
from tests.fakes import make_comparison_process

PLAN = ComparisonPlan(targets=("a", "b"), control=True)


@pytest.mark.parametrize(("ratio", "said"), [(1.1, "slower"), (0.9, "faster"), (1.0, None)])
def test_a_control_that_is_told_from_itself_is_a_warning(
    ratio: float, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [make_comparison_process([ratio + i / 1e4] * 4, plan=PLAN, target=0, index=i) for i in range(6)]
    print_comparisons(Console(), compare(pairs), OutputFormat.TABLE)
    err = capsys.readouterr().err
    assert (f"is called {said} than itself: trust no difference of this size" in err) is (said is not None)
    assert ("than itself" in err) is (said is not None)


def test_each_reason_for_failing_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    failed = [make_comparison_process(plan=PLAN, index=i, failure="killed") for i in range(3)]
    print_comparisons(Console(), compare(failed), OutputFormat.TABLE)
    assert capsys.readouterr().err.count("warning: b: failed: killed") == 1
