from pathlib import Path
from typing import Any

import pytest

from effmod_bench.errors import TargetError
from effmod_bench.runs.record import enter
from results import ComputeUnits, HandEntry, Store
from tests.fakes import write_onnx

FACTS: dict[str, Any] = {
    "device_name": "iPhone 13",
    "os": "iOS 17.5",
    "compute_units": ComputeUnits.ALL,
    "tool": "ModelBench 1.0",
    "mean_ms": 0.876,
    "p50_ms": None,
    "runs": None,
    "note": "",
}


def test_a_figure_entered_twice_is_two_entries(tmp_path: Path) -> None:
    store = Store(tmp_path / "phone")
    first, second = (enter("mobileone_s1", store, **FACTS) for _ in range(2))
    assert first.id != second.id
    found = sorted(store.read_kind(HandEntry), key=lambda entry: entry.id)
    assert found == sorted([first, second], key=lambda entry: entry.id)


def test_a_file_is_known_by_its_name_without_its_folder(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "mine.onnx")
    entry = enter(str(path), Store(tmp_path / "phone"), **FACTS)
    assert entry.name == "mine.onnx"
    assert entry.artifact is not None
    assert str(tmp_path) not in repr(entry)


@pytest.mark.parametrize("wrong", [{"mean_ms": None}, {"mean_ms": -1.0}, {"runs": 0}, {"device_name": ""}])
def test_what_makes_no_sense_leaves_no_store_behind(wrong: dict[str, Any], tmp_path: Path) -> None:
    store = Store(tmp_path / "phone")
    with pytest.raises(TargetError):
        enter("mobileone_s1", store, **(FACTS | wrong))
    assert not store.path.exists()
