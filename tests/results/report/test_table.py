from results.report.table import html_table
from results.tables.table import Column, Table

_COLUMNS: tuple[Column[tuple[str, float]], ...] = (
    Column(key="name", header="net-\nwork", get=lambda row: row[0]),
    Column(key="ms", header="ms ¹", get=lambda row: row[1], show="{:.1f}".format, published=True),
    Column(key="like_others", header="", get=lambda _: "≈"),
)
TABLE = Table(
    rows=(("<b>", 1.25), ("b", 1234.5)),
    columns=_COLUMNS,
    notes=("¹ a note.", "² of no column."),
    title="A title",
)


def test_a_cell_is_escaped_and_a_number_is_sorted_by_its_value() -> None:
    html = str(html_table(TABLE, "A caption", links=["s0-0", "s0-1"]))
    assert '<th scope="row"><a href="#s0-0">&lt;b&gt;</a></th>' in html
    assert '<td class="number" data-key="1.25">1.2</td>' in html
    assert '<td class="number" data-key="1234.5">1234.5</td>' in html


def test_a_table_says_what_it_is_and_each_header_of_what() -> None:
    html = str(html_table(TABLE, "A caption"))
    assert "<caption>A caption</caption>" in html
    assert html.count('scope="col"') == 3
    assert '<span class="seen-by-few">like others</span>' in html
    assert "A title" in html


def test_a_note_of_no_header_is_left_out() -> None:
    html = str(html_table(TABLE, "A caption"))
    assert "a note." in html
    assert "of no column." not in html


def test_only_what_can_be_filtered_has_a_place_for_words() -> None:
    assert "filter-words" not in str(html_table(TABLE, ""))
    assert "filter-words" in str(html_table(TABLE, "", can_be_filtered=True))
