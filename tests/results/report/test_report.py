from pathlib import Path

from results import Record
from tests.fakes import make_comparison_process, make_round, timed_artifact
from tests.results.report.support import report_of


def test_each_measurement_has_its_own_rounds_and_a_key_of_its_own(tmp_path: Path) -> None:
    records: list[Record] = [
        make_round([ms], artifact=timed_artifact(name), index=i)
        for name, ms in (("efficientmod_xxs", 1.0), ("deit_tiny", 2.0))
        for i in range(2)
    ]
    report = report_of(tmp_path, one=records, two=records[:2])
    assert [each.key for each in report.measured] == ["s0-0", "s0-1", "s1-0"]
    for each in report.measured:
        assert {record.artifact.name for record in each.rounds} == {each.measurement.name}
        assert len(each.rounds) == 2


def test_the_pairs_of_a_bench_are_no_comparisons(tmp_path: Path) -> None:
    records: list[Record] = [
        make_round(),
        *(make_comparison_process(index=i) for i in range(2)),
        *(make_comparison_process(index=i, run_id="alone") for i in range(2)),
    ]
    (store,) = report_of(tmp_path, store=records).stores
    assert [each.comparison.run_id for each in store.compared] == ["alone"]
    assert [each.command for each in store.compared] == ["effmod compare efficientmod_xxs efficientmod_xs"]
