"""How often the interval of `effmod compare` holds the ratio that a long run finds, for three pairs of networks.

Run it with `make check-coverage TRIALS=20`; it says first about how long that takes. Files whose graphs differ scatter
more than equal blocks do, since each process lays them out in memory anew. A trial is a comparison with the default
protocol. With each goes a part of its pair's long run, half as many processes of the same kind. The trials and parts of
all pairs take turns, in an order drawn anew each time, so that drift of the machine meets all alike.

Each process is on disk before the next begins. Killed, or run again with more trials, it goes on with what the store
lacks, and so can be run piece by piece, on one machine. What its figures say, and what not:

- No process of a trial is in the long run: that would flatter the coverage.
- The long run misses the truth too. Of 20 trials it has 60 processes, ten times those of a trial, so that their
  difference scatters as a trial does, times the square root of 1.1: an honest interval of 95 % holds the long run's
  ratio in 94 % of trials. Fewer trials make a shorter long run, and the share smaller.
- 20 trials tell a share roughly: an interval of 95 % stands beside it (Clopper and Pearson 1934).
- Both see the same hours. What differs on another day, or another machine, is in neither.
- The long run's own interval is over its parts, not over its processes: those of one part ran in the same minutes, and
  may be alike.

It prints figures and judges nothing: the machine may be busy.
"""

import argparse
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median, stdev

import msgspec
from scipy.stats import binomtest

from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.subjects import zoo_subject
from exporters import Format, OnnxConfig, obtain
from exporters.rewrites import AUTO
from models import find_model
from results import Comparison, ComparisonPlan, Store
from results.statistics.estimate import estimate
from tests.benchmarks.trials import Trial, carry_out, finished, threads_in_words, write_csv

_LONG_RUN = ", long run"
_PLAIN, _REWRITTEN = (), AUTO[Format.ONNX]
# The baseline, then the candidate: a network, and the rewrites of its file.
_PAIRS = {
    "mobilenetv2_100 over efficientmod_xxs": (("efficientmod_xxs", _REWRITTEN), ("mobilenetv2_100", _REWRITTEN)),
    "edgevit_xxs over efficientmod_xs": (("efficientmod_xs", _REWRITTEN), ("edgevit_xxs", _REWRITTEN)),
    "efficientmod_xxs rewritten over plain": (("efficientmod_xxs", _PLAIN), ("efficientmod_xxs", _REWRITTEN)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="of each pair, for each number of threads; 2 or more")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--store", type=Path, default=Path("effmod-results/interval_coverage"), help="for its records")
    parser.add_argument("--csv", action="store_true", help="write every trial beside this script")
    arguments = parser.parse_args()
    if arguments.trials < 2:
        parser.error("--trials is 2 or more: the long run of one trial has no interval")
    pairs = {
        pair: (make_subject(*baseline), make_subject(*candidate)) for pair, (baseline, candidate) in _PAIRS.items()
    }
    trials = [trial for threads in arguments.threads for trial in draw_trials(pairs, threads, arguments.trials)]
    store = Store(arguments.store)
    carry_out(trials, store)
    found = finished(trials, store)
    if arguments.csv:
        write_csv(found, Path(__file__).with_suffix(".csv"))
    report(found)


def make_subject(network: str, rewrites: tuple[str, ...]) -> Subject:
    """The file that is timed, exported where the cache lacks it."""
    spec = find_model(network)
    return zoo_subject(obtain(spec, OnnxConfig(image_size=spec.image_size, rewrites=rewrites)), batch_size=1)


def draw_trials(pairs: dict[str, tuple[Subject, Subject]], threads: int, trials: int) -> list[Trial]:
    """The trials of all pairs, and as many parts of their long runs, in the order in which they are made."""
    drawn = []
    for number in range(trials):
        turn = []
        for pair, subjects in pairs.items():
            plan = ComparisonPlan(
                targets=tuple(subject.artifact.name for subject in subjects), threads=threads, seed=2 * number
            )
            part = msgspec.structs.replace(plan, processes=plan.processes // 2, seed=plan.seed + 1)
            turn.append(Trial(label=pair, subjects=subjects, plan=plan))
            turn.append(Trial(label=pair + _LONG_RUN, subjects=subjects, plan=part))
        random.Random(number).shuffle(turn)
        drawn += turn
    return drawn


def report(found: Sequence[tuple[Trial, Comparison]]) -> None:
    """Print what was found for each pair of which two trials, and two parts of the long run, are whole."""
    by_label: dict[tuple[int | None, str], list[Comparison]] = defaultdict(list)
    for trial, comparison in found:
        by_label[trial.plan.threads, trial.label].append(comparison)
    for threads, pair in dict.fromkeys((trial.plan.threads, trial.label) for trial, _ in found):
        trials, parts = by_label[threads, pair], by_label[threads, pair + _LONG_RUN]
        if min(len(trials), len(parts)) > 1:
            print(f"{threads_in_words(threads)}, {pair}: {_summary(trials, parts)}")


def _summary(trials: Sequence[Comparison], parts: Sequence[Comparison]) -> str:
    estimates = [trial.estimate for trial in trials if trial.estimate]
    long_run = estimate([part.estimate.ratio for part in parts if part.estimate])
    assert long_run  # there are two parts or more
    held = sum(e.low <= long_run.ratio <= e.high for e in estimates)
    share = binomtest(held, len(estimates)).proportion_ci()
    return (
        f"time ratio of the long run {long_run.ratio:.4f} ({long_run.low:.4f} to {long_run.high:.4f}, "
        f"{sum(part.processes for part in parts)} processes); {held} of {len(estimates)} intervals hold it "
        f"({share.low:.0%} to {share.high:.0%}); median half-width {median(e.half_width for e in estimates):.2%}; "
        f"their ratios from {min(e.ratio for e in estimates):.4f} to {max(e.ratio for e in estimates):.4f}, "
        f"standard deviation {stdev(math.log(e.ratio) for e in estimates):.2%}; "
        f"{median(t.candidate_p50_ms or 0 for t in trials):.2f} and "
        f"{median(t.baseline_p50_ms or 0 for t in trials):.2f} ms a run"
    )


if __name__ == "__main__":
    main()
