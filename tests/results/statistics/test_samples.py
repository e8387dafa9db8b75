"""Every timed inference, in long form: what is in it, what is left out, and that the statistics are of it."""

from pathlib import Path

import msgspec
import pytest

import results
from results import Store, StoreError
from tests.effmod_bench.support import store_with
from tests.fakes import make_comparison_process, make_hand_entry, make_round, on_board, timed_artifact

OF_FILES = ["name", "form", "format", "sha256", "image_size", "batch_size", "fed"]
OF_PROCESSES = [
    "device",
    "runtime",
    "version",
    "mode",
    "threads",
    "processor",
    "place",
    "cores",
    "warmup_runs",
    "run_id",
    "round",
    "attempt",
    "started_at",
    "role",
    "beside",
]
COLUMNS = [*OF_FILES, *OF_PROCESSES, "index", "duration_ns", "at_s"]


def test_each_run_is_a_row(tmp_path: Path) -> None:
    store = store_with(tmp_path, make_round([10, 11], index=1), make_round([12], index=0))
    frame = results.samples(str(store))
    assert frame.columns.tolist() == COLUMNS
    assert frame["duration_ns"].tolist() == [12_000_000, 10_000_000, 11_000_000]
    assert frame["index"].tolist() == [0, 0, 1]
    assert frame["round"].tolist() == [0, 1, 1]
    assert set(frame["name"]) == {"efficientmod_xxs"}
    assert frame["threads"].tolist() == [2, 2, 2]
    assert frame["at_s"].tolist() == pytest.approx([0.07, 0.07, 0.08])  # after loading and a first inference
    assert frame["started_at"].dt.second.tolist() == [0, 1, 1]


def test_what_failed_or_was_repeated_is_left_out_as_statistics_do(tmp_path: Path) -> None:
    record = make_round([10, 11])
    again = msgspec.structs.replace(record, id="again", attempt=1, durations_ns=(20_000_000, 21_000_000))
    failed = make_round(index=1, failure="crashed")
    store = store_with(tmp_path, record, again, failed)
    frame = results.samples(str(store))
    assert frame["duration_ns"].tolist() == [20_000_000, 21_000_000]
    assert set(frame["attempt"]) == {1}
    (measurement,) = results.read_measurements(Store(store))
    assert measurement.latency
    assert measurement.latency.p50_ms == frame["duration_ns"].median() / 1e6


def test_comparisons_are_in_it_both_sides(tmp_path: Path) -> None:
    first = make_comparison_process([1.1, 1.2])
    again = msgspec.structs.replace(first, id="again", attempt=1)
    frame = results.samples(str(store_with(tmp_path, first, again, make_comparison_process(index=1, failure="x"))))
    assert frame["role"].tolist() == ["baseline"] * 2 + ["candidate"] * 2
    assert frame["duration_ns"].tolist() == [1_000_000, 1_000_000, 1_100_000, 1_200_000]
    assert frame["beside"].tolist() == ["efficientmod_xs"] * 2 + ["efficientmod_xxs"] * 2
    assert set(frame["attempt"]) == {1}


def test_boards_are_told_apart_by_their_names(tmp_path: Path) -> None:
    store = store_with(tmp_path, make_round([10], index=0), on_board(make_round([30], index=1), "pi5"))
    frame = results.samples(str(store))
    assert frame["place"].isna().tolist() == [True, False]
    assert frame["place"][1] == "pi5"


def test_what_a_record_does_not_tell_is_missing(tmp_path: Path) -> None:
    artifact = msgspec.structs.replace(timed_artifact("a.onnx", form=None), inputs=())
    frame = results.samples(str(store_with(tmp_path, make_round(artifact=artifact))))
    assert frame[["form", "image_size", "beside"]].isna().all(axis=None)


def test_a_store_without_times_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no measurements"):
        results.samples(str(store_with(tmp_path, make_hand_entry())))


def test_the_committed_times_are_those_of_the_table() -> None:
    store = str(Path(__file__).resolve().parents[3] / "results" / "measured" / "amd-epyc-2-cores")
    medians = results.samples(store).groupby("name", observed=True)["duration_ns"].median() / 1e6
    rows = results.load(store).set_index("name")["p50_ms"]
    assert medians.to_dict() == pytest.approx(rows.to_dict())
