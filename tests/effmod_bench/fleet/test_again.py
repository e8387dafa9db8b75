"""Somebody's figures, measured again on boards. On a cluster: tests/effmod_bench/runs/test_cluster.py."""

import csv
import io
from collections import Counter
from pathlib import Path

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.targets.subjects import file_subject
from results import BenchPlan, Device, Round, Store
from tests.effmod_bench.fleet.support import SshBoard
from tests.effmod_bench.fleet.test_command import at
from tests.effmod_bench.support import effmod, store_with
from tests.fakes import make_round, write_onnx


def test_a_figure_is_measured_again_on_each_board_and_what_boards_cannot_run_is_a_row(
    boards: tuple[SshBoard, SshBoard],
) -> None:
    artifact = file_subject(write_onnx(Path("a.onnx")), {}, batch_size=1).artifact
    theirs = [make_round(artifact=artifact, index=number, threads=1) for number in range(2)]
    on_gpu = msgspec.structs.replace(make_round(), plan=BenchPlan(device=Device.CUDA))
    store_with(Path("theirs"), *theirs, on_gpu)
    done = effmod(
        *("reproduce", "./theirs", "--files", ".", "--add", "toy", "--store", "again", "--output-format", "csv"),
        *("--on", f"one={at(boards[0])},two={at(boards[1])}"),
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["name"], row["place_ours"]) for row in rows] == [
        ("a.onnx", "one"),
        ("a.onnx", "two"),
        (on_gpu.artifact.name, ""),
    ], done.output
    assert "boards run ONNX Runtime on their CPU, not onnxruntime on cuda" in rows[2]["cause"]
    assert all(row["theirs_p50_ms"] and row["ours_p50_ms"] for row in rows[:2])
    assert {row["verdict"] for row in rows[:2]} == {"explained"}
    assert done.exit_code == ExitCode.SOME_FAILED
    measured = Store(Path("again")).read_kind(Round)
    assert Counter(record.environment.place for record in measured) == {"one": 2, "two": 2}
