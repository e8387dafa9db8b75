"""A round as its process carries it out, with a session whose inferences take as long as a test says."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from effmod_bench.instrument.process.messages import Job, Loaded, Message, Timed, Warm
from effmod_bench.instrument.process.single import run
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, InputTensor, RuntimeOptions, SessionFacts
from tests.fakes import FakeClock, FakeSession, session_facts


class Session(FakeSession):
    """As the fake, and it says what it was told after how many runs."""

    def __init__(self, clock: FakeClock, *, output: float = 1.0, on_gpu: bool = False) -> None:
        super().__init__(clock, [9.0, 2.0, 2.0, 2.0, 1.0, 3.0])
        self.told: list[tuple[str, int]] = []
        self._output = output
        self._on_gpu = on_gpu

    def prepare_outputs(self) -> None:
        self.told.append(("prepare_outputs", self.runs))

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        return {"y": np.full(2, self._output, np.float32)}

    def time_on_gpu(self, runs: int) -> list[int] | None:
        self.told.append(("time_on_gpu", self.runs))
        return [500_000] * runs if self._on_gpu else None

    def parts_ns(self, runs: int) -> dict[str, tuple[int, ...]]:
        self.told.append(("parts_ns", self.runs))
        return {"nms": (400_000,) * runs}

    def facts(self) -> SessionFacts:
        return session_facts()


JOB = Job(
    session=SessionRequest(path="x.onnx", device=Device.CPU, options=RuntimeOptions(), intra_op_num_threads=1),
    inputs=(InputTensor(name="x", shape=(1, 5), dtype="float"),),
    warmup_runs=1,
    runs=2,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)
Carry = Callable[[Session], list[Message]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr("time.perf_counter_ns", clock)
    return clock


@pytest.fixture
def carry_out(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Carry:
    """Carry the job out with a session that takes 50 ms to open; what it sent."""

    def carry_out(session: Session) -> list[Message]:
        def open_session(
            request: SessionRequest, inputs: Mapping[str, npt.NDArray[np.generic]], others: Sequence[object]
        ) -> Session:
            assert not others
            assert (request, {name: x.shape for name, x in inputs.items()}) == (JOB.session, {"x": (1, 5)})
            clock.pass_ms(50)
            return session

        monkeypatch.setattr("effmod_bench.instrument.sessions.registry.open_session", open_session)
        sent: list[Message] = []
        run(JOB, sent.append)
        return sent

    return carry_out


def test_loading_the_first_inference_the_warm_up_and_the_timed_runs_are_told_apart(
    clock: FakeClock, carry_out: Carry
) -> None:
    session = Session(clock)
    loaded, warm, timed = carry_out(session)
    assert loaded == Loaded(first_inference_ns=9_000_000)
    assert warm == Warm(expected_ns=2_000_000)
    assert isinstance(timed, Timed)
    assert (timed.load_ns, timed.first_inference_ns) == (50_000_000, 9_000_000)
    assert (timed.warmup_runs, timed.steady) == (3, True)
    assert timed.durations_ns == (1_000_000, 3_000_000)
    assert timed.parts_ns == {"nms": (400_000, 400_000)}
    assert timed.gpu_durations_ns is None
    assert session.told[0] == ("prepare_outputs", 1)


def test_a_gpus_own_clock_is_read_when_the_hosts_has_stopped(clock: FakeClock, carry_out: Carry) -> None:
    session = Session(clock, on_gpu=True)
    *_, timed = carry_out(session)
    assert isinstance(timed, Timed)
    assert timed.gpu_durations_ns == (500_000, 500_000)
    # The parts are those of the runs that the host's clock timed.
    assert session.told[1:] == [("parts_ns", session.runs), ("time_on_gpu", session.runs)]


def test_times_of_an_output_that_is_no_number_are_not_sent(clock: FakeClock, carry_out: Carry) -> None:
    with pytest.raises(FloatingPointError, match="output 'y' holds NaN or infinity"):
        carry_out(Session(clock, output=float("nan")))
