import msgspec

from results.tables.table import Column, Shared, Table, differing, in_common, is_number, settle, told_apart_by

Row = dict[str, str | int | None]


def column(
    key: str, *, detail: bool = False, spare: int = 0, fact: bool = False, shared: Shared | None = None
) -> Column[Row]:
    return Column(
        key=key, header=key, get=lambda row: row.get(key), detail=detail, spare=spare, fact=fact, shared=shared
    )


NAME = column("name")
THREADS = column("threads", detail=True, spare=3, fact=True, shared=Shared(words="{} threads".format, place=2))
DEVICE = column("device", detail=True, fact=True, shared=Shared(words=str, place=1))
OPSET = column("opset", detail=True, fact=True, shared=Shared())
COLUMNS = (NAME, THREADS, DEVICE, OPSET)


def rows(*threads: int | None, name: str = "net") -> list[Row]:
    return [{"name": name, "threads": number, "device": "cpu", "opset": 17} for number in threads]


def test_what_rows_share_is_said_in_its_place_and_is_no_column() -> None:
    found = rows(2, 2)
    columns = settle(COLUMNS, found, telling=differing(COLUMNS, found))
    assert in_common(columns, found) == "cpu, 2 threads"
    assert [each.key for each in columns if not each.detail] == ["name"]


def test_what_rows_differ_in_is_a_column_and_is_not_said() -> None:
    found = rows(1, 2)
    assert differing(COLUMNS, found) == {"threads"}
    columns = settle(COLUMNS, found, telling={"threads"})
    assert in_common(columns, found) == "cpu"
    assert [each.key for each in columns if not each.detail] == ["name", "threads"]


def test_what_is_empty_is_not_said_and_of_no_rows_nothing_is() -> None:
    found = rows(None)
    assert in_common(settle(COLUMNS, found, telling=()), found) == "cpu"
    assert in_common(COLUMNS, []) is None


def test_a_fact_that_tells_rows_of_one_name_apart_stays_on_any_screen() -> None:
    def spare(*found: Row) -> list[int]:
        return [each.spare for each in settle(COLUMNS, found, telling={"threads"})]

    assert spare(*rows(1, 2)) == [0, 0, 7, 7]
    assert spare(*rows(1), *rows(2, name="other")) == [0, 3, 7, 7]


def test_columns_for_people_are_those_that_are_filled_and_no_details() -> None:
    table = Table(rows=tuple(rows(None)), columns=(NAME, column("threads"), DEVICE))
    assert [each.key for each in table.main_columns()] == ["name"]


def test_a_header_is_one_line_as_a_label() -> None:
    assert Column[Row](key="a", header="pro-\ncesses", get=len).label == "processes"
    assert Column[Row](key="a", header="\nto", get=len).label == "to"
    assert Column[Row](key="a", header="p50\nms", get=len).label == "p50 ms"


def test_a_cell_without_a_value_is_empty() -> None:
    assert THREADS.text({}) == ""
    assert THREADS.text({"threads": 2}) == "2"


def test_a_mark_stands_behind_a_value_and_not_in_an_empty_cell() -> None:
    marked = msgspec.structs.replace(THREADS, mark=lambda row: " *" if row["threads"] == 2 else "")
    assert [marked.text(row) for row in rows(1, 2, None)] == ["1", "2 *", ""]
    assert is_number(marked, rows(1, 2))


def test_a_detail_is_wanted_where_nothing_else_tells_rows_apart() -> None:
    def wanted(*facts: tuple[str, int, str], telling: set[str]) -> set[str]:
        found: list[Row] = [dict(zip(("name", "threads", "device"), each, strict=True)) for each in facts]
        return told_apart_by((NAME, THREADS, DEVICE), found, telling=telling, details={"device"})

    assert wanted(("a", 1, "cpu"), ("a", 1, "cpu"), telling=set()) == set()
    assert wanted(("a", 1, "cpu"), ("a", 1, "cuda"), telling={"threads"}) == {"device"}
    assert wanted(("a", 1, "cpu"), ("a", 2, "cuda"), telling={"threads"}) == set()
    assert wanted(("a", 1, "cpu"), ("b", 1, "cuda"), telling=set()) == set()


def test_numbers_are_set_flush_right_also_where_some_are_missing() -> None:
    assert is_number(THREADS, rows(1, None))
    assert not is_number(NAME, rows(1))
