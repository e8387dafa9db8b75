from results import summarise
from results.statistics.nodes import by_kind
from results.tables.nodes import nodes_table
from tests.results.statistics.test_nodes import on_node


def test_each_kind_is_a_row_without_the_names_of_its_nodes_but_for_those_that_lie_apart() -> None:
    rounds = [
        *on_node("T4", 1, (9.9, 10.0)),
        *on_node("T4", 2, (10.0, 10.1)),
        *on_node("T4", 3, (12.0, 12.1)),
        *on_node("A100", 1, (3.0, 3.0)),
        *on_node("A100", 2, (3.0, 3.0)),
    ]
    table = nodes_table(by_kind(summarise(rounds)))
    shown = [{column.label: column.text(row) for column in table.main_columns()} for row in table.rows]
    assert [(row["kind"], row["nodes"], row["apart ⁴"]) for row in shown] == [("T4", "3", "T4 3"), ("A100", "2", "")]
    assert shown[0]["mean ms ¹"] == "10.68"
    assert not {"place", "node"} & set(shown[0])
    assert "T4 1" not in str(table.subtitle)
    assert nodes_table(()).rows == ()
