"""What the tool's timed loop adds to a bare loop: one session, both loops, alternated in blocks.

Run it with `make check-loop`. For a file of one node, where a microsecond shows, and for efficientmod_xxs; and how
much memory 100,000 runs leave behind. It prints figures and judges nothing: the machine may be busy. (Memory is judged
by a test, in `tests/effmod_bench/instrument/test_clock.py`.)
"""

import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
import psutil
from scipy.stats import bootstrap

from effmod_bench.instrument.clock import no_garbage_collection, time_runs
from effmod_bench.instrument.machine.system import available_cores
from effmod_bench.instrument.process.inputs import make_inputs
from effmod_bench.instrument.sessions.onnxruntime import OnnxRuntimeSession
from effmod_bench.instrument.sessions.session import SessionRequest
from exporters import OnnxConfig, obtain
from models import Preprocessing, find_model
from results import Device, InputTensor, RuntimeOptions
from tests.benchmarks.figures import asked_for_csv, write_figures
from tests.fakes import write_onnx

_BLOCKS = 200
GROWTH_RUNS = 100_000
_SMALL = InputTensor(name="x", shape=(1, 3, 8, 8), dtype="float")


def main() -> None:
    keep = asked_for_csv(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        small = write_onnx(Path(folder) / "one_node.onnx", shape=_SMALL.shape)
        rows = [compare("one node", small, _SMALL, block_runs=500)]
        growth = memory_growth(small)
        print(
            f"one node: {GROWTH_RUNS} runs leave {growth / 1e3:.0f} kB behind, {growth / GROWTH_RUNS:.2f} bytes a run"
        )
    spec = find_model("efficientmod_xxs")
    made = obtain(spec, OnnxConfig(image_size=spec.image_size))
    image = InputTensor(name="input", shape=(1, 3, 224, 224), dtype="float")
    rows.append(compare(spec.name, made.path, image, block_runs=20))
    if keep:
        write_figures(__file__, rows)


def compare(label: str, path: Path, tensor: InputTensor, *, block_runs: int) -> dict[str, str]:
    """Print the medians of the two loops, a run, and by how much the one is slower, with its 95 % interval.

    A row of the same is returned.
    """
    session = open_session(path, tensor)
    ours, bare = [], []
    with no_garbage_collection():
        time_runs(session.run, block_runs)
        for block in range(_BLOCKS):
            # Turn about: what comes first changes from block to block.
            for is_ours in (True, False) if block % 2 else (False, True):
                if is_ours:
                    ours.append(sum(time_runs(session.run, block_runs)) / block_runs)
                else:
                    bare.append(bare_loop(session.session, session.binding, block_runs) / block_runs)
    differences = [a - b for a, b in zip(ours, bare, strict=True)]
    low, high = bootstrap((differences,), np.median, rng=0).confidence_interval
    print(
        f"{label}: tool {median(ours) / 1e3:.2f} us a run, bare {median(bare) / 1e3:.2f} us; median difference "
        f"{median(differences) / 1e3:+.2f} us ({low / 1e3:+.2f} to {high / 1e3:+.2f}), "
        f"{median(differences) / median(bare):+.2%}"
    )
    nanoseconds = {
        "tool": median(ours),
        "bare": median(bare),
        "difference": median(differences),
        "low": low,
        "high": high,
    }
    return {"file": label} | {f"{name}_us": f"{each / 1e3:.3f}" for name, each in nanoseconds.items()}


def memory_growth(path: Path) -> int:
    """By how many bytes this process's resident memory grows in 100,000 runs of a file with the input `x`."""
    session = open_session(path, _SMALL)
    process = psutil.Process()
    with no_garbage_collection():
        time_runs(session.run, GROWTH_RUNS // 10)
        before = process.memory_info().rss
        for _ in range(10):
            time_runs(session.run, GROWTH_RUNS // 10)
        return process.memory_info().rss - before


def open_session(path: Path, tensor: InputTensor) -> OnnxRuntimeSession:
    """As a worker opens it, after its first inference."""
    preprocessing = Preprocessing()
    (inputs,) = make_inputs([tensor], {}, preprocessing.mean, preprocessing.std)
    request = SessionRequest(
        path=str(path), device=Device.CPU, options=RuntimeOptions(), intra_op_num_threads=min(4, available_cores())
    )
    session = OnnxRuntimeSession(request, inputs)
    session.run()
    session.prepare_outputs()
    return session


def bare_loop(session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding, runs: int) -> int:
    """Nanoseconds of a loop that does nothing but run."""
    start = time.perf_counter_ns()
    for _ in range(runs):
        session.run_with_iobinding(binding)
    return time.perf_counter_ns() - start


if __name__ == "__main__":
    main()
