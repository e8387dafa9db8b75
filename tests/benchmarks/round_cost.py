"""What effmod itself costs a round: the wall time of whole `effmod bench` commands, less the inferences timed in them.

Run it with `make check-cost`. 25 files of one node, then the four EfficientMod networks, exported beforehand; five
rounds each, of one run without a warm-up. In it are the start of effmod and of each round's process, loading, the
first inference, the environment, the store and the table. It prints figures and judges nothing: the machine may be
busy, and then the processor time says more than the wall time.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from effmod_bench.instrument.clock import time_once
from effmod_bench.options.export import ExportChoices
from effmod_bench.targets.names import DEFAULT_TARGETS
from exporters import obtain
from models import find_model
from results import Store
from tests.benchmarks.figures import asked_for_csv, write_figures
from tests.fakes import write_onnx

_ROUNDS = 5
_LIMIT_S = 1.5


def main() -> None:
    keep = asked_for_csv(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [write_onnx(folder / f"one_node_{i}.onnx") for i in range(25)]
        rows = [report("25 files of one node", [str(file) for file in files], folder / "files")]
        for network in DEFAULT_TARGETS:
            spec = find_model(network)
            obtain(spec, ExportChoices().config(spec))
        rows.append(report("EfficientMod's networks", DEFAULT_TARGETS, folder / "networks"))
    if keep:
        write_figures(__file__, rows)


def report(label: str, targets: Sequence[str], store: Path) -> dict[str, object]:
    """Print the cost of a round in one run of `effmod bench` over all targets, and give it as a row."""
    options = ["--runs", str(_ROUNDS), "--rounds", str(_ROUNDS), "--warmup", "0", "--store", str(store), "--quiet"]
    command = [sys.executable, "-m", "effmod_bench", "bench", *targets, *options]
    before = os.times()
    _, wall_ns = time_once(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    after = os.times()
    records = Store(store).read()
    cpu_s = sum(after[2:4]) - sum(before[2:4])  # of processes that have ended
    own_ns = wall_ns - sum(sum(record.durations_ns) for record in records)
    loading = sum((record.load_ns or 0) + (record.first_inference_ns or 0) for record in records) / len(records)
    print(
        f"{label}: {own_ns / 1e9 / len(records):.2f} s a round over {len(records)} rounds (limit {_LIMIT_S} s), "
        f"of which {loading / 1e9:.2f} s the runtime loads and infers once; processor time {cpu_s / len(records):.2f} s"
    )
    seconds = {
        "own_s": own_ns / 1e9 / len(records),
        "of_which_loading_s": loading / 1e9,
        "processor_s": cpu_s / len(records),
    }
    return {"targets": label, "rounds": len(records), **{name: f"{each:.3f}" for name, each in seconds.items()}}


if __name__ == "__main__":
    main()
