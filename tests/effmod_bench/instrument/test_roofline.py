from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.instrument import roofline
from effmod_bench.instrument.process.arithmetic import Done
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.roofline import measure_roof, obtain_roof
from tests.fakes import MACHINE, session_facts


class Processes:
    """What stands in for numpy's and the runtime's processes."""

    def __init__(self) -> None:
        self.started = 0
        self.numpy: Sequence[Done | None] = [
            Done(multiply_adds={100: rate, 200: rate / 2}, bytes={10: 5.0, 1000: 50.0, 10**6: 20.0})
            for rate in (1e9, 3e9, 2e9)
        ]
        self.ns = 1_000_000

    def child(self, _: int) -> Done | None:
        self.started += 1
        return self.numpy[(self.started - 1) % 3]

    def run_job(self, _: Job, **__: Any) -> Timed | Broken:
        return Timed(
            session=session_facts(),
            load_ns=1,
            first_inference_ns=1,
            durations_ns=(self.ns, 2 * self.ns),
            peak_memory_bytes=None,
        )


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    processes = Processes()
    monkeypatch.setattr(roofline, "_numpy", processes.child)
    monkeypatch.setattr(roofline, "run_job", processes.run_job)
    return processes


def test_the_roof_is_the_best_of_the_runtimes_product_and_of_numpys(processes: Processes) -> None:
    roof = measure_roof(1)
    assert roof is not None
    assert roof.multiply_adds.by == "onnxruntime"
    assert roof.multiply_adds.per_s == pytest.approx(768**3 / 1e-3)
    processes.ns = 10**12
    roof = measure_roof(1)
    assert roof is not None
    assert (roof.multiply_adds.by, roof.multiply_adds.per_s, roof.multiply_adds.low) == ("numpy", 3e9, 1e9)


@pytest.mark.usefixtures("processes")
def test_what_is_nearer_is_at_least_as_fast() -> None:
    roof = measure_roof(1)
    assert roof is not None
    assert [(rate.size_bytes, rate.per_s) for rate in roof.bytes] == [(10, 50.0), (1000, 50.0), (10**6, 20.0)]


def test_it_is_measured_once_for_a_machine_and_a_number_of_threads(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path))
    told: list[str] = []
    first, again = (obtain_roof(MACHINE, 1, on_measure=lambda: told.append("x")) for _ in range(2))
    assert first == again
    assert told == ["x"]
    obtain_roof(MACHINE, 2, on_measure=lambda: told.append("y"))
    assert told == ["x", "y"]
    assert processes.started == 6


def test_where_a_process_fails_there_is_no_roof(processes: Processes) -> None:
    processes.numpy = [None] * 3
    assert measure_roof(1) is None
