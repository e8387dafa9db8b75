import json
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.instrument.profilers.onnxruntime import read_events
from effmod_bench.instrument.profilers.profiler import ProfileError


def run(ts: int, us: int) -> dict[str, Any]:
    return {"name": "model_run", "ts": ts, "dur": us, "args": {}, "cat": "Session"}


def kernel(name: str, ts: int, us: int, **args: Any) -> dict[str, Any]:
    return {"name": f"{name}_kernel_time", "ts": ts, "dur": us, "args": {"op_name": "Relu", **args}, "cat": "Node"}


def written(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text(json.dumps(events))
    return path


def test_each_operator_has_its_time_in_each_run_that_counts(tmp_path: Path) -> None:
    path = written(
        tmp_path / "p.json",
        kernel("a", 1, 99),
        run(0, 101),  # the first, which does not count
        kernel("a", 111, 5, input_type_shape=[{"float": [1, 2]}], activation_size="8", output_size="16"),
        kernel("b", 117, 3),
        run(110, 12),
        kernel("a", 201, 7),
        kernel("b", 208, 0),
        run(200, 10),
    )
    operators, run_us = read_events(path, [1, 2])
    assert [(each.name, each.durations_us) for each in operators] == [("a", (5, 7)), ("b", (3, 0))]
    assert run_us == (12, 10)
    assert (operators[0].input_shapes, operators[0].input_bytes, operators[0].output_bytes) == (((1, 2),), 8, 16)


def test_an_operator_in_the_body_of_a_loop_counts_as_a_part_of_the_loop(tmp_path: Path) -> None:
    path = written(tmp_path / "p.json", kernel("inner", 3, 2), kernel("loop", 2, 9), kernel("after", 11, 1), run(1, 12))
    operators, _ = read_events(path, [0])
    assert [(each.name, each.durations_us) for each in operators] == [("loop", (9,)), ("after", (1,))]


def test_a_profile_that_is_cut_short_is_no_profile(tmp_path: Path) -> None:
    path = written(tmp_path / "p.json", kernel("a", 1, 2), run(0, 4))
    with pytest.raises(ProfileError, match="cut short: it holds 1 runs of 3"):
        read_events(path, [0, 2])
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ProfileError, match="cut short or damaged"):
        read_events(path, [0])


def test_a_profile_without_operators_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="names no operator"):
        read_events(written(tmp_path / "p.json", run(0, 4)), [0])
