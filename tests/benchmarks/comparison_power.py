"""How often `effmod compare` is right: the same file against itself, 50 blocks against 51, 100 against 101.

Run it with `make check-compare`, or `make check-compare TRIALS=100 THREADS="1 2"`. A trial is one comparison with the
default protocol, so 100 of each take an hour or two; standard error says how far they are. It prints figures and judges
nothing: the machine may be busy.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.pairs import run
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.subject import Subject
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from results import Comparison, ComparisonPlan, ComparisonProcess, Machine, Store, Verdict, compare

_CHANNELS, _SIDE = 16, 28  # one block is about 1.8 million multiply-adds: 50 of them take one to two milliseconds
_TRIALS = (("against itself", 50, 50), ("2 % more work", 50, 51), ("1 % more work", 100, 101))

T = TypeVar("T")


class Silence:
    """Nobody watches."""

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        pass


def write_blocks(path: Path, blocks: int) -> Path:
    """A chain of equal blocks, each a 3x3 convolution and a ReLU, of activations that stay of order 1."""
    weights = np.random.default_rng(0).standard_normal((_CHANNELS, _CHANNELS, 3, 3)) * np.sqrt(2 / (9 * _CHANNELS))
    shape = [1, _CHANNELS, _SIDE, _SIDE]
    nodes, initializers, last = [], [], "x"
    for i in range(blocks):
        # Weights of their own, or the runtime might share what it packs.
        initializers.append(numpy_helper.from_array(weights.astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        last = "y" if i == blocks - 1 else f"r{i}"
        nodes.append(helper.make_node("Relu", [f"c{i}"], [last]))
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        initializers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5, help="of each kind, for each number of threads")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--csv", action="store_true", help="write every trial beside this script")
    arguments = parser.parse_args()
    machine = read_machine()
    path = Path(__file__).with_suffix(".csv") if arguments.csv else None
    with tempfile.TemporaryDirectory() as folder, open_csv(path) as write:
        subjects = {
            blocks: file_subject(write_blocks(Path(folder) / f"{blocks}_blocks.onnx", blocks), {}, batch_size=1)
            for blocks in (50, 51, 100, 101)
        }
        for threads in arguments.threads:
            for label, baseline, candidate in _TRIALS:
                began = monotonic_s()
                pair = [subjects[b] for b in dict.fromkeys((baseline, candidate))]
                name = f"{threads} thread{'s' * (threads > 1)}, {label}"
                found = []
                for seed in announced([(name, seed) for seed in range(arguments.trials)]):
                    plan = ComparisonPlan(
                        targets=tuple(subject.artifact.name for subject in pair),
                        threads=threads,
                        seed=seed,
                        control=len(pair) == 1,  # one file alone is compared with itself
                    )
                    found.append(carry_out(plan, pair, machine, Store(Path(folder))))
                    write(label, threads, found[-1])
                seconds = (monotonic_s() - began) / arguments.trials
                print(f"{name}: {_summary(found)}; {seconds:.1f} s each", flush=True)


def announced(named: Sequence[tuple[str, T]]) -> Iterator[T]:
    """Each trial, when standard error has said its name, which of all it is, and how long they may still take."""
    began = monotonic_s()
    with Console().progress("trials", unit="trial") as progress:
        for done, (name, trial) in enumerate(named):
            left_s = (monotonic_s() - began) / done * (len(named) - done) if done else None
            progress.show(name, done, len(named), left_s)
            yield trial


def carry_out(
    plan: ComparisonPlan,
    subjects: Sequence[Subject],
    machine: Machine,
    store: Store,
    earlier: Sequence[ComparisonProcess] = (),
) -> Comparison:
    """One comparison, whole.

    Args:
        earlier: its processes that the store holds already.
    """
    records = list(earlier)
    run_id = earlier[0].run_id if earlier else new_run_id()
    run(run_id, plan, subjects, machine, store, Silence(), on_record=records.append, earlier=earlier)
    (comparison,) = compare(records)
    return comparison


def _summary(found: list[Comparison]) -> str:
    estimates = [comparison.estimate for comparison in found if comparison.estimate]
    called = {verdict: sum(c.verdict is verdict for c in found) for verdict in (Verdict.FASTER, Verdict.SLOWER)}
    return (
        f"of {len(found)} called slower {called[Verdict.SLOWER]}, faster {called[Verdict.FASTER]}; "
        f"median time ratio {median(e.ratio for e in estimates):.4f}, "
        f"from {min(e.ratio for e in estimates):.4f} to {max(e.ratio for e in estimates):.4f}; "
        f"median half-width {median(e.half_width for e in estimates):.2%}; "
        f"{median(c.baseline_p50_ms or 0 for c in found):.2f} ms a run"
    )


@contextmanager
def open_csv(path: Path | None) -> Iterator[Callable[[str, int | None, Comparison], None]]:
    """What writes a trial as a row; each row is in the file at once, so that a killed run keeps what is finished.

    Args:
        path: None to write nothing.
    """
    if path is None:
        yield lambda *_: None
        return
    with path.open("w", newline="", buffering=1) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trials", "threads", "ratio", "low", "high", "half_width", "verdict"])

        def write(label: str, threads: int | None, comparison: Comparison) -> None:
            e = comparison.estimate
            numbers = [e.ratio, e.low, e.high, e.half_width] if e else [None] * 4
            writer.writerow([label, threads, *numbers, comparison.verdict])

        yield write


if __name__ == "__main__":
    main()
