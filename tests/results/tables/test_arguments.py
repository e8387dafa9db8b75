"""Arguments in networks' names are columns where rows differ in them."""

from results import summarise
from results.tables.measurements import measurement_table
from results.tables.table import Cell
from results.tables.write import OutputFormat, render
from tests.fakes import make_round, timed_artifact


def shown(*names: str) -> tuple[list[str], list[list[str]], list[list[Cell]]]:
    """The first headers, cells and values of a table of these networks."""
    rounds = [make_round(artifact=timed_artifact(name)) for name in names]
    table = measurement_table(summarise(rounds))
    columns = [c for c in table.main_columns() if c.key == "name" or c.key.startswith("argument_")]
    return (
        [c.label for c in columns],
        [[c.text(row) for c in columns] for row in table.rows],
        [[c.get(row) for c in columns] for row in table.rows],
    )


def test_each_argument_that_rows_differ_in_is_a_column_and_leaves_the_name() -> None:
    headers, cells, values = shown(
        "net(depth=4, width=48)", "net(depth=4, width=96)", "net(depth=4, wide=True)", "mine"
    )
    assert headers == ["network", "wide", "width"]
    assert cells == [
        ["net(depth=4)", "", "48"],
        ["net(depth=4)", "", "96"],
        ["net(depth=4)", "True", ""],
        ["mine", "", ""],
    ]
    assert values[0] == ["net(depth=4, width=48)", None, 48]


def test_a_name_stays_whole_where_nothing_differs() -> None:
    assert shown("net(width=48)", "mine(width=96)")[:2] == (["network"], [["net(width=48)"], ["mine(width=96)"]])


def test_a_program_is_told_the_whole_name_and_the_argument() -> None:
    rounds = [make_round(artifact=timed_artifact(f"net(width={n})")) for n in (48, 96)]
    header, first, second = render(measurement_table(summarise(rounds)), OutputFormat.CSV).splitlines()
    assert header.startswith("name,argument_width,")
    assert (first[:17], second[:17]) == ("net(width=48),48,", "net(width=96),96,")
