from results.published import downstream, published, read_table


def test_published_figures_are_the_csvs() -> None:
    for row in read_table("table1"):
        figures = published()[row["name"]]
        assert figures.cpu_e5_2680_4t_ms == float(row["cpu_e5_2680_4t_ms"])
        assert figures.gpu_p100_ms == float(row["gpu_p100_ms"])
        assert figures.params_m == float(row["params_m"])
        assert figures.flops_g == float(row["flops_g"])
        assert figures.top1 == float(row["top1"] or row["top1_strong"])
        if row["top1_strong"]:
            assert figures.top1_strong == float(row["top1_strong"])
    # Table 2 has its accuracy, Table 6 its latency.
    assert published()["efficientmod_s_conv"].top1 == 80.5
    assert published()["efficientmod_s_conv"].cpu_e5_2680_4t_ms == 25.0


def test_table_1_has_no_accuracy_of_a_distilled_efficientmod_and_table_3_has() -> None:
    rows = {row["name"]: row for row in read_table("table1")}
    strong = {"efficientmod_xxs": 77.1, "efficientmod_xs": 79.4, "efficientmod_s": 81.9}
    assert [rows[name]["top1_strong"] for name in strong] == ["", "", ""]
    assert {name: published()[name].top1_strong for name in strong} == strong
    distilled = {row["name"]: float(row["top1_distilled"]) for row in read_table("table3_table9_distillation")}
    assert {name: published()[name].top1_strong for name in distilled} == distilled
    assert published()["mobilenetv2_100"].top1_strong is None


def test_a_spread_that_the_paper_prints_as_nothing_is_nothing() -> None:
    (row,) = (row for row in read_table("table10_gpus") if row["name"] == "efficientformerv2_s0")
    assert [row[f"{gpu}_std"] for gpu in ("p100", "t4", "v100", "a100")] == ["0.003", "0.003", "0.000", "0.003"]


def test_the_figures_of_detectors_and_segmenters_are_those_of_their_csv() -> None:
    rows = read_table("table7_table11_downstream")
    assert list(downstream()) == [row["name"] for row in rows]
    for row in rows:
        figures = downstream()[row["name"]]
        found = {name: getattr(figures, name) for name in figures.__struct_fields__ if name != "name"}
        assert found == {name: float(row[name]) if row[name] else None for name in found}
    assert set(rows[0]) - set(figures.__struct_fields__) == {"arch", "backbone"}
