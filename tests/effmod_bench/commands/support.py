"""What tests of several commands need: stand-ins for the worker processes, and how often they are asked."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from effmod_bench.instrument.process.messages import Broken, Job, PairJob, PairTimed, Timed, Warm
from results import Round, Store
from tests.effmod_bench.support import effmod
from tests.fakes import session_facts

# Milliseconds an inference of each file takes; of any other, one.
TIMES = {"a.onnx": 1.0, "b.onnx": 1.5, "c.onnx": 2.0}
FEW_ROUNDS = ("--runs", "4", "--rounds", "2", "--threads", "1", "--processes", "3")
FEW_PAIRS = ("--processes", "2", "--blocks", "5", "--warmup", "1", "--threads", "1")


class Workers:
    """What stands in for worker processes; `slow_down` multiplies all times, `fails` says which pairs break."""

    def __init__(self) -> None:
        self.slow_down = 1.0
        self.fails: Callable[[str], bool] = lambda _: False
        self.pairs: list[str] = []

    def run_job(
        self,
        job: Job | PairJob,
        *,
        on_warm: Callable[[Warm], None],
        tick: Callable[[float], None],
        timeout_s: float | None = None,  # noqa: ARG002 - nothing takes time here
    ) -> Timed | PairTimed | Broken:
        on_warm(Warm(expected_ns=1_000_000))
        tick(0.1)
        if isinstance(job, Job):
            return Timed(
                session=session_facts(),
                load_ns=1,
                first_inference_ns=1,
                durations_ns=(self._ns(job.session.path),) * job.runs,
                peak_memory_bytes=1,
            )
        candidate = Path(job.members["B"].session.path).name
        self.pairs.append(candidate)
        if self.fails(candidate):
            return Broken(reason="ended by SIGSEGV", detail="")
        noise = 1 + len(self.pairs) % 3 / 1000
        runs = job.order.count("A")
        return PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={
                letter: (round(self._ns(member.session.path) * (noise if letter == "B" else 1)),) * runs
                for letter, member in job.members.items()
            },
        )

    def _ns(self, path: str) -> int:
        return round(TIMES.get(Path(path).name, 1.0) * 1e6 * self.slow_down)


def bench(*arguments: str) -> Result:
    return effmod("bench", *FEW_ROUNDS, *arguments)


def stores(tmp_path: Path, **rounds: list[Round]) -> None:
    for folder, records in rounds.items():
        Store(tmp_path / folder).check_writable()
        for record in records:
            Store(tmp_path / folder).write(record)
