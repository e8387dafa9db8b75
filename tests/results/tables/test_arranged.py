import pytest

from results import Measurement, summarise
from results.tables.arranged import Arrangement, UnknownColumnError, arrange, check_columns
from results.tables.comparisons import COMPARISON_COLUMNS, comparison_table
from results.tables.differences import DIFFERENCE_COLUMNS
from results.tables.measurements import MEASUREMENT_COLUMNS, measurement_table
from results.tables.table import Column, Note, Table
from results.tables.trials import TUNING_COLUMNS
from tests.fakes import make_round, timed_artifact

ROWS = (("b", 2.0, None), ("a", None, "x"), ("C", 10.0, "Y"))
COLUMNS: tuple[Column[tuple[str, float | None, str | None]], ...] = (
    Column(key="name", header="network", get=lambda row: row[0]),
    Column(key="p50_ms", header="p50\nms ¹", get=lambda row: row[1], spare=1),
    Column(key="low", header="95 %\nfrom", get=lambda row: row[1], alone="ratio\n95 % from"),
    Column(key="high", header="95 %\nfrom", get=lambda row: row[1]),
    Column(key="why", header="what is missing", get=lambda row: row[2], detail=True),
)
NOTES = ("¹ a median.", "Of all.", Note("Of the ends.", "low", "high"))
TABLE = Table(rows=ROWS, columns=COLUMNS, notes=NOTES)


def shown(table: Table[tuple[str, float | None, str | None]]) -> list[list[str]]:
    return [[column.text(row) for column in table.main_columns()] for row in table.rows]


def names(**wanted: object) -> list[str]:
    return [row[0] for row in arrange(TABLE, Arrangement(**wanted)).rows]  # type: ignore[arg-type]


def test_columns_stand_in_the_order_asked_for_details_and_empty_ones_too() -> None:
    only_b = Table(rows=ROWS[:1], columns=COLUMNS)
    chosen = arrange(only_b, Arrangement(columns=("why", "p50_ms", "name")))
    assert [column.key for column in chosen.main_columns()] == ["why", "p50_ms", "name"]
    assert shown(chosen) == [["", "2.0", "b"]]
    assert not any(column.spare or column.detail for column in chosen.columns)


@pytest.mark.parametrize(
    "name", ["p50_ms", "P50-ms", "p50 ms", "p50 MS ¹", "network", "what is missing", "ratio 95 % from"]
)
def test_a_column_is_named_by_its_key_or_by_the_words_of_its_header(name: str) -> None:
    keys = {"network": "name", "what is missing": "why", "ratio 95 % from": "low"}
    (column,) = arrange(TABLE, Arrangement(columns=(name,))).columns
    assert column.key == keys.get(name, "p50_ms")


def test_a_column_named_twice_stands_once() -> None:
    assert len(arrange(TABLE, Arrangement(columns=("name", "network", "name"))).columns) == 1


def test_a_header_of_several_columns_names_none() -> None:
    with pytest.raises(UnknownColumnError, match=r"several columns have the header '95 % from'.*: low, high"):
        arrange(TABLE, Arrangement(columns=("95 % from",)))


def test_an_unknown_column_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownColumnError, match=r"no column 'p5_ms'; did you mean 'p50_ms'"):
        arrange(TABLE, Arrangement(columns=("name", "p5_ms")))
    with pytest.raises(UnknownColumnError, match="no column 'zzz'; there are name, p50_ms, low, high, why"):
        arrange(TABLE, Arrangement(sort="-zzz"))


def test_rows_are_sorted_upwards_or_downwards_and_those_without_a_value_come_last() -> None:
    assert names(sort="p50_ms") == ["b", "C", "a"]
    assert names(sort="-p50_ms") == ["C", "b", "a"]
    assert names(sort="why") == ["a", "C", "b"]
    assert names(sort="-what is missing") == ["C", "a", "b"]
    assert names(sort="name") == ["a", "b", "C"]


def test_rows_that_are_alike_keep_their_order_either_way() -> None:
    table = Table(rows=(("x", 1.0, None), ("y", 1.0, None)), columns=COLUMNS)
    for sort in ("p50_ms", "-p50_ms"):
        assert [row[0] for row in arrange(table, Arrangement(sort=sort)).rows] == ["x", "y"]


def test_numbers_come_before_texts() -> None:
    column = Column[object](key="ms", header="ms", get=lambda row: row)
    rows = arrange(Table(rows=("1 or 2", 10.0, 9, None), columns=(column,)), Arrangement(sort="ms")).rows
    assert rows == (9, 10.0, "1 or 2", None)


def test_a_limit_counts_after_sorting() -> None:
    assert names(sort="-p50_ms", limit=1) == ["C"]
    assert names(limit=9) == ["b", "a", "C"]


def test_notes_of_columns_that_were_not_chosen_go() -> None:
    def notes(*columns: str) -> list[str]:
        chosen = arrange(TABLE, Arrangement(columns=columns))
        return chosen.notes_of(chosen.main_columns())

    assert notes("name") == ["Of all."]
    assert notes("p50_ms") == ["¹ a median.", "Of all."]
    assert notes("high") == ["Of all.", "Of the ends."]
    assert TABLE.notes_of(COLUMNS[:2]) == list(NOTES)  # nobody chose, and so all that has no mark stays


def test_a_column_apart_from_its_neighbours_says_what_it_is_part_of() -> None:
    assert [c.label for c in arrange(TABLE, Arrangement(columns=("high", "low"))).columns] == [
        "95 % from",
        "ratio 95 % from",
    ]


def test_a_table_that_nothing_is_wanted_of_stays_as_it_is() -> None:
    assert arrange(TABLE, Arrangement()) == TABLE


def test_what_one_of_several_tables_has_is_known() -> None:
    wanted = Arrangement(columns=("ratio",), sort="-p95_ms")
    check_columns(wanted, [measurement_table(()), comparison_table(())])
    with pytest.raises(UnknownColumnError, match="no column 'ratio'"):
        check_columns(wanted, [measurement_table(())])
    assert wanted.lacking(measurement_table(())) == ("ratio",)
    assert wanted.without(("ratio", "p95_ms")) == Arrangement()


def test_a_column_that_only_rows_bring_may_be_named_before_there_are_rows() -> None:
    wanted = Arrangement(sort="argument_dim")
    check_columns(wanted, [measurement_table(())], without_rows=True)
    with pytest.raises(UnknownColumnError, match="argument_dim"):
        arrange(measurement_table(()), wanted)
    rounds = [make_round(artifact=timed_artifact(f"net(dim={dim})")) for dim in (64, 128)]
    found: Table[Measurement] = arrange(measurement_table(summarise(rounds)), Arrangement(sort="-argument_dim"))
    assert [row.name for row in found.rows] == ["net(dim=128)", "net(dim=64)"]


@pytest.mark.parametrize("columns", [MEASUREMENT_COLUMNS, COMPARISON_COLUMNS, DIFFERENCE_COLUMNS, TUNING_COLUMNS])
def test_every_column_can_be_chosen_and_has_a_header_of_its_own_then(columns: tuple[Column[object], ...]) -> None:
    keys = tuple(column.key for column in columns)
    chosen = arrange(Table[object](rows=(), columns=columns), Arrangement(columns=keys))
    assert tuple(column.key for column in chosen.columns) == keys
    labels = [column.label for column in chosen.columns]
    assert all(labels)
    assert len(set(labels)) == len(labels)
