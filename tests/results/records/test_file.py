import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from results import Store, StoreError
from results.records import file
from results.records.file import DamagedRecordError, read_record
from results.records.measured import ComparisonProcess, Round
from tests.fakes import make_comparison_process, make_round


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # of a socket no long path is taken


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("make", [fifo, device, listening, Path.mkdir], ids=lambda make: make.__name__)
def test_only_regular_files_are_read(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.json").write_bytes(msgspec.json.encode(make_round()))
    make(tmp_path / "odd.json")
    said: list[str] = []
    assert Store(tmp_path, on_damaged=said.append).read() == [make_round()]
    assert said == [f"left out: {tmp_path / 'odd.json'} is no regular file, as records are; move it out of the store"]


def test_a_file_larger_than_any_record_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as sparse:
        sparse.truncate(3 << 30)
    with pytest.raises(DamagedRecordError, match=r"huge\.json is no record of effmod: it has 3221225472 bytes"):
        read_record(path, [Round])


def test_a_record_of_the_largest_size_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(msgspec.json.encode(make_round()))
    monkeypatch.setattr(file, "_LARGEST_BYTES", path.stat().st_size)
    assert read_record(path, [Round]) == make_round()


def changed(record: object, changes: dict[str, Any]) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(record)) | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"durations_ns": [5, -1]}, r"Expected `int` >= 1 - at `\$\.durations_ns"),
        ({"durations_ns": [0]}, r"Expected `int` >= 1 - at `\$\.durations_ns"),
        ({"durations_ns": []}, "outcome is ok, and durations_ns is empty"),
        ({"parts_ns": {"nms": [1]}}, "parts_ns has 1 of nms, and durations_ns 3 runs"),
        ({"durations_ns": [1e30]}, r"Expected `int`, got `float` - at `\$\.durations_ns"),
        ({"durations_ns": [10**30]}, r"Expected `int` <= 9223372036854775807 - at `\$\.durations_ns"),
        ({"index": -1}, r"Expected `int` >= 0 - at `\$\.index"),
        ({"peak_memory_bytes": 10**400}, r"Expected `int` <= 9223372036854775807"),
    ],
)
def test_a_round_that_cannot_have_been_measured_is_no_record(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(changed(make_round(), changes))
    with pytest.raises(StoreError, match=rf"a\.json is not a record of effmod: {said}"):
        read_record(tmp_path / "a.json", [Round])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline_ns": [], "candidate_ns": []}, "outcome is ok, and baseline_ns is empty"),
        ({"baseline_ns": [1, 2, 3]}, "baseline_ns and candidate_ns are pairs, and have 3 and 2"),
        ({"candidate_ns": [1, 0]}, r"Expected `int` >= 1 - at `\$\.candidate_ns"),
        ({"target": 2}, "target is 2, and the plan has options of 2"),
    ],
)
def test_a_comparison_that_cannot_have_been_measured_is_no_record(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    record = make_comparison_process()
    options = msgspec.json.decode(msgspec.json.encode(record.plan.options))
    plan = msgspec.json.decode(msgspec.json.encode(record.plan)) | {"target_options": [options, options]}
    (tmp_path / "a.json").write_bytes(changed(record, {"plan": plan} | changes))
    with pytest.raises(StoreError, match=rf"a\.json is not a record of effmod: {said}"):
        read_record(tmp_path / "a.json", [ComparisonProcess])


def test_a_failed_process_has_timed_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    failed = make_round(failure="killed"), make_comparison_process(failure="killed")
    for record in failed:
        store.write(record)
    assert (*store.read_kind(Round), *store.read_kind(ComparisonProcess)) == failed
