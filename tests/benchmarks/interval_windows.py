"""Does the interval of six processes in a row hold the ratio that all processes of a longer run find?

Run it with `make check-windows`: seconds, since it times nothing. The committed records of Table 1 on two threads are a
run of hours on a machine with two speeds: 20 comparisons of 32 processes or more. Every window of six successive
processes stands for what `effmod compare` makes, and is judged three ways: by Student's t over the six, as effmod did
before; as effmod does where the store holds no earlier run of the pair; and as it does where the store holds the
processes before the window, in runs of six. What came after a window is never used for it.

It writes `tests/benchmarks/interval_windows.csv`, and ends with 1 where of the windows with a store that are not marked
fewer than 90 % hold the mean of all, or of all of them fewer than 80 %.
"""

import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

import msgspec

from results import Store, compare
from results.frame import read_contents
from results.statistics.dependence import depend
from results.statistics.estimate import Estimate, estimate
from results.statistics.modes import fall_in_two
from tests.benchmarks.simulation import students_t

_RECORDS = Path("results/measured/amd-epyc-2-cores-table-1")
_WINDOW, _FEWEST = 6, 32
_TABLE = Path(__file__).with_suffix(".csv")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Six successive processes.

    Attributes:
        before, alone, with_store: whether the interval holds the mean of all: that of Student's t, effmod's own without
            an earlier run, and effmod's own with those before it.
        half_widths: of the three.
        marked: by a warning that the processes depend on each other, or fall in two groups.
    """

    before: bool
    alone: bool
    with_store: bool
    half_widths: tuple[float, float, float]
    marked: bool


def main() -> None:
    found = {name: windows(ratios) for name, ratios in read_ratios(_RECORDS).items()}
    every = [window for of_pair in found.values() for window in of_pair]
    with _TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["candidate", "windows", "held_by_t", "held_alone", "held_with_store", "marked", *_WIDTHS])
        for name, of_pair in found.items():
            writer.writerow([name, *summary(of_pair)])
    kept = [window.with_store for window in every if not window.marked]
    shares = [fmean(getattr(window, way) for window in every) for way in ("before", "alone", "with_store")]
    print(
        f"of {len(every)} windows of {len(found)} comparisons hold the mean of all: Student's t {shares[0]:.1%}, "
        f"without a store {shares[1]:.1%}, with what came before {shares[2]:.1%}; of the {len(kept)} of these without "
        f"a mark {fmean(kept):.1%}"
    )
    sys.exit(fmean(kept) < 0.9 or shares[2] < 0.8)


_WIDTHS = ("half_width_t", "half_width_alone", "half_width_with_store")


def summary(found: Sequence[Window]) -> list[object]:
    """How many there are, how many hold by each interval, how many are marked, and the median half-widths."""
    counts = [sum(getattr(window, way) for window in found) for way in ("before", "alone", "with_store", "marked")]
    widths = [f"{median(window.half_widths[i] for window in found):.4f}" for i in range(3)]
    return [len(found), *counts, *widths]


def read_ratios(store: Path) -> dict[str, tuple[float, ...]]:
    """Of each comparison with enough processes in a store the ratio of each process, by its candidate's name."""
    comparisons = compare(read_contents(Store(store)).pairs)
    return {each.candidate.name: each.process_ratios for each in comparisons if each.processes >= _FEWEST}


def windows(ratios: Sequence[float]) -> list[Window]:
    """Every window of a comparison, in the order of time."""
    truth = math.exp(fmean(map(math.log, ratios)))
    found = []
    for start in range(len(ratios) - _WINDOW + 1):
        six = ratios[start : start + _WINDOW]
        earlier = [ratios[max(0, end - _WINDOW) : end] for end in range(start, 0, -_WINDOW)]
        three = students_t(six), estimate(six), estimate(six, earlier=[run for run in earlier if len(run) > 1])
        before, alone, with_store = (each for each in three if each is not None)
        found.append(
            Window(
                before=_holds(before, truth),
                alone=_holds(alone, truth),
                with_store=_holds(with_store, truth),
                half_widths=(before.half_width, alone.half_width, with_store.half_width),
                marked=depend([math.log(ratio) for ratio in six]) or fall_in_two(six),
            )
        )
    return found


def _holds(found: Estimate, truth: float) -> bool:
    return found.low <= truth <= found.high


if __name__ == "__main__":
    main()
