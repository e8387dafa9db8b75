from pathlib import Path

import onnx
import pytest

from effmod_bench.instrument.process.messages import ProfileJob
from effmod_bench.instrument.process.profiled import blocks_of, run_profile
from effmod_bench.instrument.sessions.session import OPTIMIZED, SessionRequest
from results import Device, InputTensor, RuntimeOptions
from tests.fakes import write_onnx


def test_runs_are_split_into_blocks() -> None:
    assert blocks_of(30, 10) == (10, 10, 10)
    assert blocks_of(12, 10) == (10, 2)
    assert blocks_of(1, 10) == (1,)
    assert blocks_of(30, None) == (30,)


@pytest.mark.parametrize("plain_first", [True, False])
def test_a_file_is_profiled_with_as_many_runs_as_it_is_run_without(tmp_path: Path, *, plain_first: bool) -> None:
    file = write_onnx(tmp_path / "x.onnx", nodes=2)
    job = ProfileJob(
        session=SessionRequest(
            path=str(file),
            device=Device.CPU,
            options=RuntimeOptions(),
            intra_op_num_threads=1,
            profile_folder=str(tmp_path),
        ),
        inputs=(InputTensor(name="x", shape=(1, 3, 8, 8), dtype="float"),),
        warmup_runs=2,
        runs=12,
        plain_first=plain_first,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
    )
    warm: list[int] = []
    profiled = run_profile(job, on_warm=warm.append)
    assert warm[0] > 0
    assert len(profiled.run_us) == len(profiled.with_ns) == len(profiled.without_ns) == 12
    assert [each.kind for each in profiled.operators] == ["Relu"] * len(profiled.operators)
    assert all(len(each.durations_us) == 12 for each in profiled.operators)
    # The graph that was run lies beside, and not that of another session with the same options.
    kinds = {node.op_type for node in onnx.load(tmp_path / OPTIMIZED).graph.node}
    assert kinds == {"Relu"}
    assert len(list(tmp_path.glob("events*"))) == 1
