"""Real worker processes, with files that take microseconds."""

import os
from pathlib import Path

import msgspec
import pytest

from effmod_bench.instrument.process.messages import Broken, PairJob, PairMember, PairTimed, Warm
from effmod_bench.instrument.process.start import run_job
from effmod_bench.instrument.sessions.session import SessionRequest, taking_turns
from results import Device, Fed, GraphOptimization, InputTensor, Runtime, RuntimeOptions
from tests.fakes import write_onnx

pytestmark = pytest.mark.xdist_group("measures")  # they would disturb each other's times


def member(path: Path, *, shape: tuple[int, ...] = (1, 3, 8, 8), threads: int = 1, shared: bool = True) -> PairMember:
    return PairMember(
        session=SessionRequest(
            path=str(path),
            device=Device.CPU,
            options=RuntimeOptions(),
            intra_op_num_threads=threads,
            shared_threads=shared,
        ),
        inputs=(InputTensor(name="x", shape=shape, dtype="float"),),
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
    )


def time_pair(a: PairMember, b: PairMember, *, order: str = "ABBABAAB", **changes: object) -> PairTimed | Broken:
    fields = {"load_order": "BA", "warmup_runs": 3, "cores": None} | changes
    job = PairJob(members={"A": a, "B": b}, order=order, **fields)  # type: ignore[arg-type]
    return run_job(job, on_warm=lambda _: None, tick=lambda _: None)


def test_both_are_timed_as_often_as_the_order_says(tmp_path: Path) -> None:
    one = member(write_onnx(tmp_path / "one.onnx"))
    two = member(write_onnx(tmp_path / "two.onnx", shape=(2, 5)), shape=(2, 5))  # each is fed its own
    outcome = time_pair(one, two, order="ABBABAABABBA")
    assert isinstance(outcome, PairTimed)
    assert outcome.fed_ns == outcome.other_ns == {}  # it was not to try any other
    assert {letter: len(durations) for letter, durations in outcome.durations_ns.items()} == {"A": 6, "B": 6}
    assert all(ns > 0 for durations in outcome.durations_ns.values() for ns in durations)


def test_each_duration_is_that_of_its_own_artifact(tmp_path: Path) -> None:
    small = member(write_onnx(tmp_path / "small.onnx"))
    large = member(write_onnx(tmp_path / "large.onnx", nodes=2000))
    for a, b, slower in ((small, large, "B"), (large, small, "A")):
        outcome = time_pair(a, b, order="ABBABAAB" * 5)
        assert isinstance(outcome, PairTimed)
        medians = {letter: sorted(durations)[10] for letter, durations in outcome.durations_ns.items()}
        assert max(medians, key=lambda letter: medians[letter]) == slower
        assert max(medians.values()) > 20 * min(medians.values())


def test_both_sessions_run_on_one_pool_of_threads(tmp_path: Path) -> None:
    a, b = (member(write_onnx(tmp_path / f"{name}.onnx"), threads=2) for name in "ab")
    outcome = time_pair(a, b)
    assert isinstance(outcome, PairTimed)
    for facts in outcome.sessions.values():
        assert facts.shared_threads
        assert facts.intra_op_num_threads is None  # it has none of its own


def test_once_threads_are_shared_the_runtime_refuses_a_session_its_own(tmp_path: Path) -> None:
    """That the pool is really there: ONNX Runtime itself holds the sessions to it."""
    a = member(write_onnx(tmp_path / "a.onnx"))
    b = member(write_onnx(tmp_path / "b.onnx"), shared=False)
    outcome = time_pair(a, b, load_order="AB")
    assert isinstance(outcome, Broken)
    assert "use_per_session_threads must be false when using a global thread pool" in outcome.detail


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only some systems can bind a process to cores")
def test_the_process_is_bound_to_the_cores_that_were_drawn(tmp_path: Path) -> None:
    a, b = (member(write_onnx(tmp_path / f"{name}.onnx")) for name in "ab")
    ours = os.sched_getaffinity(0)
    assert isinstance(time_pair(a, b, cores=(min(ours),)), PairTimed)
    assert os.sched_getaffinity(0) == ours
    outcome = time_pair(a, b, cores=(100_000,))  # a core that there isn't: it was really asked for
    assert isinstance(outcome, Broken)


def test_nan_is_a_failure_that_names_the_file(tmp_path: Path) -> None:
    good, bad = member(write_onnx(tmp_path / "good.onnx")), member(write_onnx(tmp_path / "bad.onnx", operator="Log"))
    outcome = time_pair(good, bad)
    assert isinstance(outcome, Broken)
    assert "bad.onnx: output 'y' holds NaN or infinity" in outcome.reason


def test_a_pair_without_warm_up_says_what_to_expect_all_the_same(tmp_path: Path) -> None:
    warm: list[Warm] = []
    a, b = (member(write_onnx(tmp_path / f"{name}.onnx")) for name in "ab")
    job = PairJob(members={"A": a, "B": b}, load_order="AB", order="ABBA", warmup_runs=0, cores=None)
    assert isinstance(run_job(job, on_warm=warm.append, tick=lambda _: None), PairTimed)
    assert [message.expected_ns > 0 for message in warm] == [True]


def test_how_far_the_outputs_are_apart_is_told(tmp_path: Path) -> None:
    once, twice = member(write_onnx(tmp_path / "once.onnx")), member(write_onnx(tmp_path / "twice.onnx", nodes=2))
    sigmoid = member(write_onnx(tmp_path / "sigmoid.onnx", operator="Sigmoid"))
    other = member(write_onnx(tmp_path / "other.onnx", shape=(2, 5)), shape=(2, 5))
    found = [time_pair(once, b) for b in (twice, sigmoid, other)]
    assert all(isinstance(outcome, PairTimed) for outcome in found)
    same, different, unlike = (outcome.relative_error for outcome in found if isinstance(outcome, PairTimed))
    assert same == 0.0
    assert different is not None
    assert different > 0.1
    assert unlike is None


def test_settings_of_the_runtime_are_obeyed(tmp_path: Path) -> None:
    options = RuntimeOptions(graph_optimization=GraphOptimization.EXTENDED, allow_spinning=False)
    plain = member(write_onnx(tmp_path / "a.onnx"), threads=2, shared=False)
    session = msgspec.structs.replace(plain.session, options=options, stop_spinning=True)
    outcome = time_pair(plain, msgspec.structs.replace(plain, session=session))
    assert isinstance(outcome, PairTimed)
    a, b = outcome.sessions["A"], outcome.sessions["B"]
    assert (a.allow_spinning, b.allow_spinning) == (True, False)
    assert (a.graph_optimization_level, b.graph_optimization_level) == ("ORT_ENABLE_ALL", "ORT_ENABLE_EXTENDED")


def test_another_input_of_each_is_tried_where_nobody_gave_one(tmp_path: Path) -> None:
    by_rule, given = (
        msgspec.structs.replace(
            member(write_onnx(tmp_path / f"{name}.onnx")),
            inputs=(InputTensor(name="x", shape=(1, 3, 8, 8), dtype="float", fed=fed),),
            feeds={"x": ("normal",)},
        )
        for name, fed in (
            ("rule", Fed(value="normal", sha256="")),
            ("given", Fed(value="normal", given=True, sha256="")),
        )
    )
    outcome = time_pair(by_rule, given, tries_other=True)
    assert isinstance(outcome, PairTimed)
    assert {letter: len(times) for letter, times in outcome.fed_ns.items()} == {"A": 7, "B": 0}
    assert {letter: len(times) for letter, times in outcome.other_ns.items()} == {"A": 7, "B": 0}
    assert all(ns > 0 for ns in (*outcome.fed_ns["A"], *outcome.other_ns["A"]))


def test_two_runtimes_take_turns_in_one_process_on_threads_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    path = write_onnx(tmp_path / "one.onnx", operator="Sigmoid")
    ours, theirs = (member(path), member(path))
    by_openvino = msgspec.structs.replace(theirs.session, options=RuntimeOptions(runtime=Runtime.OPENVINO))
    turns = taking_turns(ours.session, by_openvino)
    pair = (msgspec.structs.replace(one, session=turn) for one, turn in zip((ours, theirs), turns, strict=True))
    outcome = time_pair(*pair)
    assert isinstance(outcome, PairTimed), outcome
    assert [each.runtime.split()[0] for each in outcome.sessions.values()] == ["openvino", "onnxruntime"]
    assert outcome.sessions["A"].shared_threads is False
    assert outcome.relative_error is not None
    assert outcome.relative_error < 1e-6
