from results.published import downstream, published, read_table


def test_published_figures_are_the_csvs() -> None:
    for row in read_table("table1"):
        figures = published()[row["name"]]
        assert figures.cpu_e5_2680_4t_ms == float(row["cpu_e5_2680_4t_ms"])
        assert figures.gpu_p100_ms == float(row["gpu_p100_ms"])
        assert figures.params_m == float(row["params_m"])
        assert figures.flops_g == float(row["flops_g"])
        assert figures.top1 == float(row["top1"] or row["top1_strong"])
        assert figures.top1_strong == (float(row["top1_strong"]) if row["top1_strong"] else None)
    # Table 2 has its accuracy, Table 6 its latency.
    assert published()["efficientmod_s_conv"].top1 == 80.5
    assert published()["efficientmod_s_conv"].cpu_e5_2680_4t_ms == 25.0


def test_the_figures_of_detectors_and_segmenters_are_those_of_their_csv() -> None:
    rows = read_table("table7_table11_downstream")
    assert list(downstream()) == [row["name"] for row in rows]
    for row in rows:
        figures = downstream()[row["name"]]
        found = {name: getattr(figures, name) for name in figures.__struct_fields__ if name != "name"}
        assert found == {name: float(row[name]) if row[name] else None for name in found}
    assert set(rows[0]) - set(figures.__struct_fields__) == {"arch", "backbone"}
