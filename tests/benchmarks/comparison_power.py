"""How often `effmod compare` is right: the same file against itself, 50 blocks against 51, 100 against 101.

Run it with `make check-compare`, or `make check-compare TRIALS=100 THREADS="1 2"`. A trial is one comparison with the
default protocol, so 100 of each take an hour or two; standard error says how far they are. The trials of all kinds take
turns, in an order drawn anew each time. Each process is on disk before the next begins: killed, or run again with more
trials, it goes on with what the store lacks. It prints figures and judges nothing: the machine may be busy.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from effmod_bench.targets.subjects import file_subject
from results import Comparison, ComparisonPlan, Store, Verdict
from tests.benchmarks.trials import Trial, carry_out, finished, is_marked, threads_in_words, write_csv

_CHANNELS, _SIDE = 16, 28  # one block is about 1.8 million multiply-adds: 50 of them take one to two milliseconds
_KINDS = (("against itself", 50, 50), ("2 % more work", 50, 51), ("1 % more work", 100, 101))


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=5, help="of each kind, for each number of threads")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--store", type=Path, default=Path("effmod-results/comparison_power"), help="for its records")
    parser.add_argument("--csv", action="store_true", help="write every trial beside this script")
    parser.add_argument("--only-report", action="store_true", help="measure nothing: what the store holds")
    arguments = parser.parse_args()
    store = Store(arguments.store)
    with tempfile.TemporaryDirectory() as folder:
        trials = [
            trial
            for threads in arguments.threads
            for trial in draw_trials(Path(folder), threads=threads, number=arguments.trials)
        ]
        if not arguments.only_report:
            carry_out(trials, store)
    found = finished(trials, store)
    if arguments.csv:
        write_csv(found, Path(__file__).with_suffix(".csv"))
    for threads in arguments.threads:
        for label, *_ in _KINDS:
            own = [each for trial, each in found if (trial.plan.threads, trial.label) == (threads, label)]
            if own:
                print(f"{threads_in_words(threads)}, {label}: {_summary(own)}")


def draw_trials(folder: Path, *, threads: int, number: int) -> list[Trial]:
    """So many of each kind, in the order in which they are made."""
    subjects = {
        blocks: file_subject(write_blocks(folder / f"{blocks}_blocks.onnx", blocks), {}, batch_size=1)
        for blocks in dict.fromkeys(blocks for _, *pair in _KINDS for blocks in pair)
    }
    drawn = []
    for seed in range(number):
        turn = []
        for label, *pair in _KINDS:
            of_pair = tuple(subjects[blocks] for blocks in dict.fromkeys(pair))
            plan = ComparisonPlan(
                targets=tuple(subject.artifact.name for subject in of_pair),
                threads=threads,
                seed=seed,
                control=len(of_pair) == 1,  # one file alone is compared with itself
            )
            turn.append(Trial(label=label, subjects=of_pair, plan=plan))
        random.Random(seed).shuffle(turn)
        drawn += turn
    return drawn


def _summary(found: Sequence[Comparison]) -> str:
    estimates = [comparison.estimate for comparison in found if comparison.estimate]
    called = {verdict: sum(c.verdict is verdict for c in found) for verdict in (Verdict.FASTER, Verdict.SLOWER)}
    return (
        f"of {len(found)} called slower {called[Verdict.SLOWER]}, faster {called[Verdict.FASTER]}; "
        f"median time ratio {median(e.ratio for e in estimates):.4f}, "
        f"from {min(e.ratio for e in estimates):.4f} to {max(e.ratio for e in estimates):.4f}; "
        f"median half-width {median(e.half_width for e in estimates):.2%}; "
        f"{sum(map(is_marked, found))} marked; {median(c.baseline_p50_ms or 0 for c in found):.2f} ms a run"
    )


if __name__ == "__main__":
    main()
