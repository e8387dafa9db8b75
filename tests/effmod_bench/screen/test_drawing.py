from typing import Any

import pytest

from effmod_bench.screen.drawing import fold, rich_table
from results.tables.table import Column, Table

Row = tuple[str, float, str]
COLUMNS: tuple[Column[Row], ...] = (
    Column(key="name", header="network", get=lambda row: row[0]),
    Column(key="ms", header="p50\nms", get=lambda row: row[1], show="{:.4f}".format),
    Column(key="why", header="why", get=lambda row: row[2]),
)
TABLE = Table(rows=(("a long name of a network", 1234.5678, "slower beyond doubt than before"),), columns=COLUMNS)


def drawn(room: int, **changes: Any) -> Any:
    return rich_table(TABLE, COLUMNS, room, **changes)


def test_a_column_is_as_wide_as_its_longest_line_where_there_is_room() -> None:
    assert [column.width for column in drawn(1000).columns] == [24, 9, 31]


@pytest.mark.parametrize(("room", "width"), [(1, 7), (10, 16), (-100, 6)])
def test_for_want_of_room_words_are_folded_but_no_name_and_no_figure(room: int, width: int) -> None:
    assert [column.width for column in drawn(room).columns] == [24, 9, width]  # "slower", "beyond" and "before" stay


def test_figures_are_set_flush_right() -> None:
    assert [column.justify for column in drawn(0).columns] == ["left", "right", "left"]


def test_a_text_is_folded_between_its_words() -> None:
    assert fold("two well-known words, averylongword", 10) == ["two", "well-known", "words,", "averylongword"]
    assert fold("one", 0) == ["one"]
