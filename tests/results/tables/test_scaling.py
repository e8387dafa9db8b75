"""The tables of Figures 8 and 9."""

from results.statistics.scaling import Point
from results.tables.scaling import scaling_table
from results.tables.table import Table
from tests.results.statistics.test_scaling import timed


def shown(table: Table[Point], *keys: str) -> list[list[str]]:
    columns = {column.key: column for column in table.main_columns()}
    return [[columns[key].text(row) for key in keys] for row in table.rows]


def test_figure_8_has_a_row_for_each_size_and_an_exponent_for_each_network() -> None:
    rows = [timed(name, 1e-4 * size**b, image_size=size) for name, b in (("a", 2), ("b", 2.5)) for size in (224, 448)]
    table = scaling_table(rows, along="image_size", title="Figure 8")
    assert table.title == "Figure 8"
    assert shown(table, "name", "image_size", "p50_ms", "relative") == [
        ["a", "224", "5.02", "1.00"],
        ["a", "448", "20.07", "4.00"],
        ["b", "224", "75.10", "1.00"],
        ["b", "448", "424.81", "5.66"],
    ]
    notes = " ".join(table.notes)
    assert (
        "a: its time grows as image size to the power 2.00 (two points, so without an interval), over 2 points" in notes
    )
    assert "b: its time grows as image size to the power 2.50" in notes


def test_figure_9_sets_one_block_beside_the_other_at_each_width_and_kernel() -> None:
    rows = [
        timed(f"{name}(dim={dim}, kernel_size={k})", factor * dim * k, macs=dim * k * 10**8)
        for name, factor in (("efficientmod_iso", 1), ("mbconv_iso", 1.5))
        for k in (3, 5)
        for dim in (8, 16, 32)
    ]
    rows.append(timed("mine", 1))
    table = scaling_table(rows, along="dim", over="efficientmod_iso")
    assert shown(table, "name", "argument_dim", "argument_kernel_size", "beside")[6:9] == [
        ["mbconv_iso", "8", "3", "1.50"],
        ["mbconv_iso", "16", "3", "1.50"],
        ["mbconv_iso", "32", "3", "1.50"],
    ]
    notes = " ".join(table.notes)
    assert (
        "mbconv_iso(kernel_size=5): its time grows as dim to the power 1.00 (95 % from 1.00 to 1.00), over 3" in notes
    )
    assert "mbconv_iso(kernel_size=3): by multiply-adds, " in notes
    assert "15 ms for each 10⁹ (95 % from 15 to 15)" in notes
    assert "Without dim, and so left out: mine." in notes
