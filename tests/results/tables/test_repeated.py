from results import summarise
from results.statistics.repeated import repeated
from results.tables.repeated import batch_table, repeated_table
from tests.fakes import make_round, timed_artifact


def test_how_far_table_10_is_from_table_1_is_said_where_it_is() -> None:
    names = ("mobilenetv2_100", "efficientmod_s")
    tests = [make_round([4.0], artifact=timed_artifact(name)) for name in names]
    table = repeated_table("ten", repeated(summarise(tests), tests))
    columns = {column.key: column for column in table.columns}
    differ, table1 = columns["published_p100_difference"], columns["published_table1_p100_ms"]
    assert [differ.text(row) for row in table.rows] == ["+4.8%", ""]
    assert [table1.text(row) for row in table.rows] == ["2.1", "5.5"]


def test_a_batch_of_which_the_paper_has_nothing_has_an_empty_cell() -> None:
    rounds = [make_round([ms], artifact=timed_artifact(batch_size=n)) for n, ms in ((1, 4.0), (3, 6.0))]
    table = batch_table("batches", summarise(rounds))
    columns = {column.key: column for column in table.columns}
    assert [columns["published_a100_ms"].text(row) for row in table.rows] == ["3.7", ""]
    assert [columns["an_image_ms"].text(row) for row in table.rows] == ["4.00", "2.00"]
    assert [columns["relative"].text(row) for row in table.rows] == ["1.00", "0.50"]
