from pathlib import Path

import msgspec
import pandas as pd
import pytest

import results
from results import Store
from tests.fakes import make_plan, make_profile, make_round


def test_a_store_becomes_a_data_frame(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.check_writable()
    store.write(make_round([10.0, 12.0]))
    frame = results.load(str(store.path))
    assert isinstance(frame, pd.DataFrame)
    assert frame.loc[0, "name"] == "efficientmod_xxs"
    assert frame.loc[0, "mean_ms"] == 11.0
    assert frame.loc[0, "published_top1"] == 76.0


def test_the_operators_of_profiles_become_one_the_slowest_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.check_writable()
    for index in range(2):
        store.write(make_profile([[1000], [3000]], modules=["stem", None], index=index))
    frame = results.load(str(store.path), of="profiles")
    assert list(frame["operator"]) == ["Conv op_1", "Conv op_0"]
    assert list(frame["ms"]) == [3.0, 1.0]
    assert list(frame["module"]) == ["", "stem"]
    assert set(frame["network"]) == {"efficientmod_xxs"}
    assert set(frame["basis"]) == {"measured"}
    assert frame["share"].sum() == pytest.approx(1.0)
    plan = make_plan([0.25, 0.75], modules=["stem", "head"])
    store.write(msgspec.structs.replace(plan, id=plan.id.replace("0000-", "0001-"), run_id="20260101T000000-0001"))
    estimated = results.load(str(store.path), of="profiles").query("basis == 'estimated'")
    assert list(estimated["estimated_share"]) == [0.75, 0.25]
    assert estimated["ms"].isna().all()


def test_the_two_sides_of_a_profiled_comparison_are_rows_of_two_targets(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.check_writable()
    for target, took_us in enumerate((3000, 5000)):
        store.write(make_profile([[took_us]], modules=["head"], target=target))
    frame = results.load(str(store.path), of="profiles")
    assert list(frame.groupby(["run_id", "target", "network", "module"])["ms"].sum()) == [3.0, 5.0]


def test_a_store_without_profiles_says_how_to_add_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.check_writable()
    store.write(make_round([10.0, 12.0]))
    with pytest.raises(results.StoreError, match="holds no profiles; 'effmod profile TARGET"):
        results.load(str(store.path), of="profiles")
