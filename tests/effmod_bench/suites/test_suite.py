import pytest

from effmod_bench.errors import TargetError
from effmod_bench.suites import find_suite, list_suites, suite_of_table
from models import list_models
from results import Device, Published, published
from results.published import read_table

SUITES = list_suites()


def test_every_table_of_the_zoo_can_be_measured() -> None:
    tables = {table for spec in list_models() for table in spec.tables}
    assert {table for suite in SUITES.values() for table in suite.tables} == tables
    assert {suite_of_table(table).tables[0] for table in tables} == {
        suite.tables[0] for suite in SUITES.values() if suite.tables
    }


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_names_figures_that_exist_and_networks_of_its_table(name: str) -> None:
    suite = SUITES[name]
    figures = {paper.figure for device in suite.beside for paper in suite.papers(device)}
    assert figures <= set(Published.__struct_fields__)
    for table in suite.tables:
        assert suite.networks() == [spec.name for spec in list_models(table=table)]
    assert set(suite.columns or ()) <= set(read_table(suite.published)[0] if suite.published else ())


@pytest.mark.parametrize(("table", "device", "source"), [("1", "cpu", "table1"), ("10", "cuda", "table10_gpus")])
def test_a_suite_has_the_published_latency_of_every_network(table: str, device: str, source: str) -> None:
    suite = suite_of_table(table)
    rows = {row["name"]: row for row in read_table(source)}
    assert set(suite.networks()) == set(rows)
    for paper in suite.papers(Device(device)):
        found = {name: getattr(published()[name], paper.figure) for name in rows}
        assert found == {name: float(row[paper.figure]) if row[paper.figure] else None for name, row in rows.items()}


def test_a_suite_answers_to_its_names() -> None:
    assert find_suite("table1") == find_suite("fig3") == find_suite("fig7") == find_suite("1")
    assert find_suite("table9").name == "table3"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tabel1", "did you mean 'table1'\\?"),
        ("zzz", r"there are table1, .*A file of your own is named by its path, \./zzz\.toml"),
        ("fig4", "drawn, not measured: 'effmod visualize IMAGE'"),
    ],
)
def test_a_suite_that_is_none_says_which_there_are(name: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        find_suite(name)


def test_a_table_that_is_none_says_which_there_are() -> None:
    with pytest.raises(
        TargetError, match=r"the paper has no table '8' of networks; there are 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, L$"
    ):
        suite_of_table("8")
