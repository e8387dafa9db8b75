from results.published import read_table
from results.tables.published import published_columns


def test_a_figure_has_as_many_digits_as_in_the_paper() -> None:
    columns = {column.key: column for column in published_columns("table10_gpus", str)}
    assert columns["published_t4_std"].text("mobilenetv2_100") == "0.000"
    assert columns["published_t4_std"].get("mobilenetv2_100") == 0


def test_figures_stand_beside_the_network_that_they_are_of() -> None:
    columns = {column.key: column for column in published_columns("table2", str, shown=("epochs",), besides=("top1",))}
    rows = read_table("table2")
    assert columns.keys() == {f"published_{key}" for key in rows[0] if key not in ("name", "top1")}
    assert [columns["published_epochs"].text(row["name"]) for row in rows] == [row["epochs"] for row in rows]
    assert columns["published_epochs"].text("vgg") == ""
    assert {key for key, column in columns.items() if not column.detail} == {"published_epochs"}
    assert all(column.published for column in columns.values())


def test_a_network_of_several_rows_has_all_that_they_say() -> None:
    columns = {column.key: column for column in published_columns("appendix_l", str)}
    assert columns["published_study"].text("efficientmod_s_conv") == "slimming or kernel_sizes or attention"
    assert columns["published_top1"].text("efficientmod_s_conv") == "80.5"
