"""One round: a fresh process that loads one artifact and times it, or two in turn.

It reads a `Job` or a `PairJob`, one line, from standard input, and ends when that input does. It writes messages,
one JSON a line, to standard output. Native code that prints does so to standard error: the first thing done here is
to move it there.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable

import msgspec

from effmod_bench.pair import PairJob, PairTimed, run_pair
from effmod_bench.sessions import SessionRequest
from results import InputTensor, SessionFacts


class Job(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a worker is to time.

    Attributes:
        mean, std: by channel, of the images that are fed.
    """

    session: SessionRequest
    inputs: tuple[InputTensor, ...]
    warmup_runs: int
    runs: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The artifact is loaded and has run once; the warm-up begins."""

    first_inference_ns: int


class Warm(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What is to be timed is loaded and warm; the timed runs begin. `expected_ns` is about one of them."""

    expected_ns: int


class Timed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The round is done. `warmup_runs` were made, and `steady` says whether they had settled."""

    session: SessionFacts
    load_ns: int
    first_inference_ns: int
    warmup_runs: int = 0
    steady: bool | None = None
    durations_ns: tuple[int, ...]
    gpu_durations_ns: tuple[int, ...] | None = None
    peak_memory_bytes: int | None


class Broken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The artifact could not be timed. `detail` is the traceback, for the log."""

    reason: str
    detail: str


Message = Loaded | Warm | Timed | PairTimed | Broken


def main() -> None:
    with os.fdopen(os.dup(1), "wb", buffering=0) as channel:
        os.dup2(2, 1)
        job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job | PairJob)
        threading.Thread(target=_end_with_parent, daemon=True).start()

        def send(message: Message) -> None:
            channel.write(msgspec.json.encode(message) + b"\n")

        try:
            if isinstance(job, PairJob):
                send(run_pair(job, on_warm=lambda expected_ns: send(Warm(expected_ns=expected_ns))))
            else:
                run(job, send)
        except Exception as error:  # whatever an artifact makes the runtime raise is the row's reason
            send(Broken(reason=f"{type(error).__name__}: {error}".strip(), detail=traceback.format_exc()))


def _end_with_parent() -> None:
    """Wait, at no cost, for the end of standard input; a round that nobody waits for would disturb the next one."""
    sys.stdin.buffer.read()
    os._exit(1)


def run(job: Job, send: Callable[[Message], None]) -> None:
    """Time a job: load, first inference, warm-up until steady, then the timed runs with nothing in between.

    A GPU then makes as many more, which its own events time: these would be in the way of the host's clock.
    """
    from effmod_bench.environment import peak_memory_bytes, reset_peak_memory
    from effmod_bench.inputs import make_input
    from effmod_bench.sessions import check_outputs, open_session
    from effmod_bench.timing import no_garbage_collection, time_once, time_runs, warm_up

    inputs = {tensor.name: make_input(tensor, job.mean, job.std) for tensor in job.inputs}
    reset_peak_memory()  # or it would be that of making the images
    session, load_ns = time_once(lambda: open_session(job.session, inputs))
    _, first_inference_ns = time_once(session.run)
    send(Loaded(first_inference_ns=first_inference_ns))
    session.prepare_outputs()
    with no_garbage_collection():
        warmed = warm_up(session.run, job.warmup_runs)
        send(Warm(expected_ns=warmed.run_ns or first_inference_ns))
        durations = time_runs(session.run, job.runs)
        gpu_durations = session.time_on_gpu(job.runs)
    check_outputs(session)
    send(
        Timed(
            session=session.facts(),
            load_ns=load_ns,
            first_inference_ns=first_inference_ns,
            warmup_runs=warmed.runs,
            steady=warmed.steady,
            durations_ns=tuple(durations),
            gpu_durations_ns=None if gpu_durations is None else tuple(gpu_durations),
            peak_memory_bytes=peak_memory_bytes(),
        )
    )


if __name__ == "__main__":
    main()
