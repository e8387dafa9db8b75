"""What tests of rounds and of pairs have in common."""

from collections.abc import Callable
from pathlib import Path

from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.subject import Subject
from models import Preprocessing
from results import Round
from tests.fakes import session_facts, timed_artifact


class Watcher:
    def __init__(self) -> None:
        self.shown: list[tuple[str, float, int, float | None]] = []

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        self.shown.append((name, rounds_done, rounds, left_s))


def subject(name: str) -> Subject:
    return Subject(path=Path(f"{name}.onnx"), artifact=timed_artifact(name), preprocessing=Preprocessing(), stamps=())


def timed(job: Job) -> Timed:
    return Timed(
        session=session_facts(job.session.intra_op_num_threads),
        load_ns=1,
        first_inference_ns=2,
        warmup_runs=job.warmup_runs + 7,
        steady=False,
        durations_ns=(1_000_000,) * job.runs,
        gpu_durations_ns=(900_000,) * job.runs,
        peak_memory_bytes=3,
    )


Answer = Callable[[Job], Timed | Broken]


def never(record: Round) -> None:
    raise AssertionError(record.id)
