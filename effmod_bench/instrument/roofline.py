"""What this machine can do at best: multiply-adds, and bytes moved, in a second. Measured once, and kept in the cache.

The roof is the best of what ONNX Runtime's own product of two matrices does and of what numpy's does: no operator is
expected to do more. Whoever measures holds `measuring_alone`.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from effmod_bench.instrument.process.arithmetic import Done
from effmod_bench.instrument.process.messages import Job, Timed
from effmod_bench.instrument.process.start import run_job
from effmod_bench.instrument.sessions.session import SessionRequest
from exporters.artifact.cache import roofs
from exporters.artifact.files import writing
from exporters.artifact.scratch import scratch
from results import Device, InputTensor, Machine, Rate, Roof, RuntimeOptions

MEASURING_ROOF = "measuring what this machine can do at best, once ..."
"""What the user hears of it."""

_SIDES = (192, 384, 768)  # of the matrices: their sizes fit caches of any kind
_PROCESSES = 3
_RUNS = 60
_VERSION = 1  # of how it is measured
_TIMEOUT_S = 120.0


def obtain_roof(machine: Machine, threads: int, *, on_measure: Callable[[], None]) -> Roof | None:
    """The roof of this machine, from the cache or measured now; None where it cannot be measured.

    Args:
        on_measure: told before it is measured, which takes some seconds.

    Raises:
        OutputError: the cache cannot be written.
    """
    path = _path(machine, threads)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Roof)
    except (OSError, msgspec.DecodeError):
        on_measure()
    roof = measure_roof(threads)
    if roof is not None:
        with writing(path.parent, elsewhere="name another folder in EFFMOD_CACHE"):
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(f".{os.getpid()}")
            new.write_bytes(msgspec.json.encode(roof))
            new.replace(path)
    return roof


def _path(machine: Machine, threads: int) -> Path:
    facts = (_VERSION, threads, msgspec.to_builtins(machine.stable))
    key = hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:32]
    return roofs() / f"{key}.json"


def measure_roof(threads: int) -> Roof | None:
    """The roof with so many threads; None where a process failed."""
    processes = [_numpy(threads) for _ in range(_PROCESSES)]
    done = [each for each in processes if each is not None]
    if len(done) < _PROCESSES:
        return None
    products = [_rate({size: [each.multiply_adds[size] for each in done] for size in done[0].multiply_adds}, "numpy")]
    runtime = _runtime(threads)
    if runtime:
        products.append(_rate(runtime, "onnxruntime"))
    sizes = sorted(done[0].bytes)
    # What is nearer is at least as fast: small arrays show less of it, since calling takes its time, too.
    best = {size: [max(each.bytes[other] for other in sizes if other >= size) for each in done] for size in sizes}
    return Roof(
        threads=threads,
        multiply_adds=max(products, key=lambda each: each.per_s),
        bytes=tuple(_summed(size, best[size], "numpy") for size in sizes),
    )


def _rate(by_size: dict[int, list[float]], by: str) -> Rate:
    """The size at which most was done."""
    size = max(by_size, key=lambda size: max(by_size[size]))
    return _summed(size, by_size[size], by)


def _summed(size_bytes: int, per_s: list[float], by: str) -> Rate:
    """The best of several processes; the interval is as wide as they lie apart."""
    return Rate(
        per_s=max(per_s), low=min(per_s), high=max(per_s) * max(per_s) / min(per_s), size_bytes=size_bytes, by=by
    )


def _numpy(threads: int) -> Done | None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("OPENBLAS_", "MKL_"))}
    environment["OMP_NUM_THREADS"] = str(threads)
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-m", "effmod_bench.instrument.process.arithmetic", str(threads)],
            capture_output=True,
            env=environment,
            check=True,
            timeout=_TIMEOUT_S,
        )
        return msgspec.json.decode(process.stdout, type=Done)
    except (subprocess.SubprocessError, msgspec.DecodeError):
        return None


def _runtime(threads: int) -> dict[int, list[float]]:
    """What ONNX Runtime's product does, by the bytes of its three matrices, in each process."""
    found: dict[int, list[float]] = {}
    with scratch(Path(tempfile.gettempdir()), "effmod-roof-") as folder:
        for side in _SIDES:
            path = _write_product(folder / f"{side}.onnx", side)
            job = Job(
                session=SessionRequest(
                    path=str(path), device=Device.CPU, options=RuntimeOptions(), intra_op_num_threads=threads
                ),
                inputs=(InputTensor(name="x", shape=(side, side), dtype="float"),),
                warmup_runs=10,
                runs=_RUNS,
                mean=(0.5, 0.5, 0.5),
                std=(0.25, 0.25, 0.25),
            )
            for _ in range(_PROCESSES):
                timed = run_job(job, on_warm=lambda _: None, tick=lambda _: None, timeout_s=_TIMEOUT_S)
                if isinstance(timed, Timed):
                    found.setdefault(12 * side * side, []).append(side**3 / min(timed.durations_ns) * 1e9)
    return {size: rates for size, rates in found.items() if len(rates) == _PROCESSES}


def _write_product(path: Path, side: int) -> Path:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (side, side)) for name in "xy")
    weight = onnx.numpy_helper.from_array(np.full((side, side), 0.01, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")], "roof", [x], [y], [weight]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path
