from pathlib import Path

from results import Record
from results.report.sections.stores import section
from tests.fakes import make_round, timed_artifact
from tests.results.report.support import report_of


def _rounds(ms: float, name: str = "efficientmod_xxs") -> list[Record]:
    return [make_round([ms + i / 100] * 2, artifact=timed_artifact(name), index=i) for i in range(3)]


def test_each_later_store_stands_beside_the_first(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, a=_rounds(10.0), b=_rounds(12.0), c=[*_rounds(8.0), *_rounds(9.0, "deit_tiny")]))
    assert html
    assert [title.partition("<")[0] for title in html.split("<h3>")[1:]] == ["b beside a", "c beside a"]
    assert "20.0 % slower" in html
    assert "Only in c: deit_tiny." in html


def test_stores_without_a_row_in_common_are_no_section(tmp_path: Path) -> None:
    assert section(report_of(tmp_path, a=_rounds(10.0), b=_rounds(10.0, "deit_tiny"))) is None
    assert section(report_of(tmp_path / "alone", a=_rounds(10.0))) is None


def test_a_row_of_single_rounds_has_no_interval_and_stands_in_the_table_alone(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, a=[make_round()], b=[make_round()]))
    assert html
    assert "<table>" in html
    assert 'class="plot"' not in html
