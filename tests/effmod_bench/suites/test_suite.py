import pytest

from effmod_bench.errors import TargetError
from effmod_bench.suites import SUITES, find_suite
from models import list_models
from results import Device, Published, published
from results.published import read_table


def test_every_table_of_the_zoo_can_be_measured() -> None:
    assert set(SUITES) == {table for spec in list_models() for table in spec.tables}


@pytest.mark.parametrize("table", SUITES)
def test_a_suite_names_figures_that_exist_and_networks_of_its_table(table: str) -> None:
    suite = find_suite(table)
    assert {paper.figure for papers in suite.beside.values() for paper in papers} <= set(Published.__struct_fields__)
    assert suite.networks() == [spec.name for spec in list_models(table=table)]


@pytest.mark.parametrize(("table", "device", "source"), [("1", "cpu", "table1"), ("10", "cuda", "table10_gpus")])
def test_a_suite_has_the_published_latency_of_every_network(table: str, device: str, source: str) -> None:
    suite = find_suite(table)
    rows = {row["name"]: row for row in read_table(source)}
    assert set(suite.networks()) == set(rows)
    for paper in suite.beside[Device(device)]:
        found = {name: getattr(published()[name], paper.figure) for name in rows}
        assert found == {name: float(row[paper.figure]) if row[paper.figure] else None for name, row in rows.items()}


def test_a_table_that_is_none_says_which_there_are() -> None:
    with pytest.raises(
        TargetError, match=r"the paper has no table '8' of networks; there are 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, L$"
    ):
        find_suite("8")
