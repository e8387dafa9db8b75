from results import Round, summarise
from results.statistics.repeated import Repeated, repeated
from results.statistics.summary import grouped
from results.tables.repeated import batch_table, repeated_table
from tests.fakes import make_round, timed_artifact


def repeated_of(rounds: list[Round]) -> list[Repeated]:
    return list(map(repeated, summarise(rounds), grouped(rounds)))


def test_how_far_table_10_is_from_table_1_is_said_where_it_is() -> None:
    names = ("mobilenetv2_100", "efficientmod_s")
    tests = [make_round([4.0], artifact=timed_artifact(name)) for name in names]
    table = repeated_table("ten", repeated_of(tests), not_measured=["deit_tiny"])
    columns = {column.key: column for column in table.columns}
    differ, table1 = columns["published_p100_difference"], columns["published_table1_p100_ms"]
    assert [differ.text(row) for row in table.rows] == ["+4.8%", ""]
    assert [table1.text(row) for row in table.rows] == ["2.1", "5.5"]
    assert table.notes[-1] == "Not measured: deit_tiny."


def test_a_network_whose_tests_all_failed_is_a_row_with_its_reason() -> None:
    tests = [make_round([4.0]), make_round(failure="killed", artifact=timed_artifact("efficientmod_s"))]
    table = repeated_table("ten", repeated_of(tests), not_measured=[])
    columns = {column.key: column for column in table.columns}
    assert [columns["mean_ms"].text(row) for row in table.rows] == ["4.00", ""]
    assert [columns["failures"].text(row) for row in table.rows] == ["", "killed"]


def test_the_papers_figures_stand_beside_what_they_are_of_alone() -> None:
    artifacts = [timed_artifact("mobilenetv2_100"), timed_artifact("mobilenetv2_100", image_size=256)]
    tests = [make_round([4.0], artifact=artifact) for artifact in artifacts]
    table = repeated_table("ten", repeated_of(tests), not_measured=[])
    columns = {column.key: column for column in table.columns}
    assert [columns["published_t4_ms"].text(row) for row in table.rows] == ["1.4", ""]
    assert [columns["image_size"].text(row) for row in table.rows] == ["224", "256"]
    assert not columns["image_size"].detail


def test_a_batch_of_which_the_paper_has_nothing_has_an_empty_cell() -> None:
    artifacts = [timed_artifact("efficientmod_s", batch_size=n) for n in (1, 3)]
    rounds = [make_round([ms], artifact=artifact) for artifact, ms in zip(artifacts, (4.0, 6.0), strict=True)]
    table = batch_table("batches", summarise(rounds))
    columns = {column.key: column for column in table.columns}
    assert [columns["published_a100_ms"].text(row) for row in table.rows] == ["3.7", ""]
    assert [columns["an_image_ms"].text(row) for row in table.rows] == ["4.00", "2.00"]
    assert [columns["relative"].text(row) for row in table.rows] == ["1.00", "0.50"]


def test_another_network_has_none_of_its_figures() -> None:
    rounds = [make_round([4.0], artifact=timed_artifact(batch_size=n)) for n in (1, 2)]
    table = batch_table("batches", summarise(rounds))
    columns = {column.key: column for column in table.columns}
    assert [columns["published_v100_ms"].text(row) for row in table.rows] == ["", ""]
