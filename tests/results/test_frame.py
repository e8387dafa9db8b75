from pathlib import Path

import pandas as pd

import results
from results import Store
from tests.fakes import make_round


def test_a_store_becomes_a_data_frame(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.check_writable()
    store.write(make_round([10.0, 12.0]))
    frame = results.load(str(store.path))
    assert isinstance(frame, pd.DataFrame)
    assert frame.loc[0, "name"] == "efficientmod_xxs"
    assert frame.loc[0, "mean_ms"] == 11.0
    assert frame.loc[0, "published_top1"] == 76.0
