from collections import Counter

from effmod_bench.screen.rewrites import operator_table


def test_changed_kinds_come_first_and_all_are_summed_up() -> None:
    table = operator_table("net", Counter(Conv=2, Add=1, Mul=3), Counter(Conv=2, Mul=1, Relu=1))
    assert [(row.kind, row.before, row.after) for row in table.rows] == [
        ("Add", 1, 0),
        ("Mul", 3, 1),
        ("Relu", 0, 1),
        ("Conv", 2, 2),
        ("all", 6, 4),
    ]
    assert [column.text(table.rows[1]) for column in table.columns] == ["Mul", "3", "1", "-2"]


def test_where_nothing_is_known_of_before_only_what_is_there_is_counted() -> None:
    table = operator_table("net", None, Counter(Conv=2, Add=1))
    assert table.title == "net: operators after the rewrites"
    assert [[column.text(row) for column in table.columns] for row in table.rows] == [
        ["Add", "", "1", ""],
        ["Conv", "", "2", ""],
        ["all", "", "3", ""],
    ]
