import msgspec

from effmod_bench.screen.zoo import describe, list_table
from models import find_model

SPEC = find_model("efficientmod_xxs")


def test_a_networks_figures_stand_beside_the_papers() -> None:
    (row,) = list_table([SPEC]).rows
    assert (row.params, row.top1) == (SPEC.params, 76.0)
    assert row.published is not None
    assert row.published.flops_g == 0.6


def test_what_the_paper_does_not_list_has_no_figures_of_it() -> None:
    own = msgspec.structs.replace(SPEC, name="own.py:build", tables=(), note="")
    table = list_table([own])
    assert (table.rows[0].top1, table.rows[0].published) == (None, None)
    shown = {column.key for column in table.main_columns()}
    assert {"name", "params", "macs"} <= shown
    assert not shown & {"published_params_m", "published_flops_g", "top1", "note"}
    said = " ".join(describe(own))
    assert "published" not in said
    assert "tables" not in said
