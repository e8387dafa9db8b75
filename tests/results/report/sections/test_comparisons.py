from pathlib import Path

from results import ComparisonPlan, Record
from results.report.sections.comparisons import section
from tests.fakes import make_comparison_process, make_round, timed_artifact
from tests.results.report.support import report_of

PLAN = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"))


def _pairs(**settings: str) -> list[Record]:
    return [make_comparison_process((1.2 + i / 1000,) * 2, plan=PLAN, index=i, **settings) for i in range(3)]  # type: ignore[arg-type]


def test_what_was_timed_beside_an_anchor_stands_beside_it_and_is_no_comparison(tmp_path: Path) -> None:
    rounds: list[Record] = [make_round(artifact=timed_artifact(name)) for name in PLAN.targets]
    html = section(report_of(tmp_path, store=[*rounds, *_pairs()]))
    assert html
    assert "each was timed in turn with efficientmod_xxs, the anchor" in html
    assert "the anchor itself" in html
    assert "effmod compare" not in html


def test_a_single_process_has_a_ratio_without_an_interval(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, store=_pairs(run_id="c")[:1]))
    assert html
    assert "1.200, no interval" in html


def test_processes_that_all_failed_are_a_row_and_no_point(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, store=[make_comparison_process(plan=PLAN, failure="ended by SIGSEGV")]))
    assert html
    assert "ended by SIGSEGV" in html
    assert 'class="plot"' not in html
