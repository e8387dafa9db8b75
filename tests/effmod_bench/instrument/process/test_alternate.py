from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from effmod_bench.instrument.process.alternate import is_apart, run_apart
from effmod_bench.instrument.process.messages import Broken, PairJob, PairMember, PairTimed
from effmod_bench.instrument.process.outputs import load, relative_error, save
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, Runtime, RuntimeOptions
from tests.fakes import session_facts


def _member(runtime: Runtime) -> PairMember:
    options = RuntimeOptions(runtime=runtime)
    request = SessionRequest(path="net", device=Device.CPU, options=options, intra_op_num_threads=1)
    return PairMember(session=request, inputs=(), mean=(0.0,), std=(1.0,))


def _job(b: Runtime, load_order: str = "AB") -> PairJob:
    members = {"A": _member(Runtime.ONNXRUNTIME), "B": _member(b)}
    return PairJob(members=members, load_order=load_order, order="ABBABAAB", warmup_runs=1, cores=None)


def _alone(job: PairJob, *, tick: Callable[[float], None]) -> PairTimed:
    """B takes twice as long, and gives a tenth more."""
    ((letter, _),) = job.members.items()
    assert job.outputs is not None
    save({letter: np.array([1.0, 1.1 if letter == "B" else 1.0])}, job.outputs)
    tick(0.5)
    return PairTimed(
        sessions={letter: session_facts()},
        durations_ns={letter: (2 if letter == "B" else 1,) * len(job.order)},
        fed_ns={letter: (7,)},
        other_ns={letter: (8,)},
    )


@pytest.mark.parametrize(
    ("runtime", "apart"),
    [(Runtime.ONNXRUNTIME, False), (Runtime.OPENVINO, False), (Runtime.PYTORCH, True), (Runtime.TORCH_COMPILE, True)],
)
def test_what_keeps_cores_busy_between_its_runs_has_a_process_of_its_own(runtime: Runtime, *, apart: bool) -> None:
    assert is_apart(_job(runtime)) is apart


@pytest.mark.parametrize("load_order", ["AB", "BA"])
def test_each_runs_by_itself_as_often_as_in_turn(load_order: str) -> None:
    started: list[PairJob] = []
    ticks: list[float] = []

    def run(job: PairJob, *, tick: Callable[[float], None]) -> PairTimed:
        started.append(job)
        return _alone(job, tick=tick)

    timed = run_apart(_job(Runtime.PYTORCH, load_order), run, tick=ticks.append)
    assert isinstance(timed, PairTimed)
    assert [job.order for job in started] == [letter * 4 for letter in load_order]
    assert timed.durations_ns == {"A": (1,) * 4, "B": (2,) * 4}
    assert (timed.fed_ns, timed.other_ns) == ({"A": (7,), "B": (7,)}, {"A": (8,), "B": (8,)})
    assert timed.relative_error == pytest.approx(0.1)
    assert ticks == sorted(ticks)


def test_where_one_fails_the_other_is_not_waited_for() -> None:
    started: list[PairJob] = []

    def run(job: PairJob, **_: object) -> Broken:
        started.append(job)
        return Broken(reason="no compiler", detail="")

    assert run_apart(_job(Runtime.TORCH_COMPILE), run, tick=lambda _: None) == Broken(reason="no compiler", detail="")
    assert len(started) == 1


def test_outputs_that_were_not_written_are_not_taken_for_equal() -> None:
    def forget(job: PairJob, *, tick: Callable[[float], None]) -> PairTimed:
        return _alone(msgspec.structs.replace(job, outputs="elsewhere.npz"), tick=tick)

    with pytest.raises(FileNotFoundError):
        run_apart(_job(Runtime.PYTORCH), forget, tick=lambda _: None)


def test_an_error_that_is_no_number_is_the_largest() -> None:
    one = {"a": np.array([1.0]), "b": np.array([1.0])}
    assert np.isnan(relative_error(one, one | {"b": np.array([np.nan])}) or 0)


def test_outputs_go_through_a_file_whatever_they_are_called(tmp_path: Path) -> None:
    outputs: dict[str, npt.NDArray[np.generic]] = {"file": np.arange(3), "a/b": np.ones((2, 2), np.float32)}
    save(outputs, str(tmp_path / "outputs.npz"))
    found = load(tmp_path / "outputs.npz")
    assert list(found) == list(outputs)
    assert all(np.array_equal(found[name], outputs[name]) for name in outputs)


def test_an_output_that_another_runtime_calls_otherwise_is_known_by_its_place() -> None:
    one = {"logits": np.array([1.0, 2.0])}
    assert relative_error(one, {"/head/Gemm": np.array([1.0, 1.8])}) == pytest.approx(0.1)
    assert relative_error(one, {"logits": np.array([[1.0, 2.0]])}) is None
    assert relative_error(one, {}) is None
    assert relative_error({}, {}) is None
    assert msgspec.json.decode(msgspec.json.encode(_job(Runtime.PYTORCH)), type=PairJob).outputs is None
