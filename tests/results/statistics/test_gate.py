import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from results import StabilityWarning
from results.statistics.estimate import Estimate, around, estimate, quotient
from results.statistics.gate import DOUBTFUL, Gate, GateVerdict, Reason, judge_gate, more_to_decide
from tests.benchmarks import gate
from tests.benchmarks.gate import kinds, simulate

LIMIT = 0.05


def interval(low: float, high: float) -> Estimate:
    """The estimate in the middle of an interval."""
    mean, half = (math.log(low) + math.log(high)) / 2, (math.log(high) - math.log(low)) / 2
    return around(mean, half, error=0.05)


def judged(low: float, high: float, **facts: object) -> Gate:
    return judge_gate(interval(low, high), LIMIT, **{"processes": (6,), **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.99, 1.01, GateVerdict.PASSES),
        (1.02, 1.049, GateVerdict.PASSES),  # it is slower, and by less than the limit
        (0.90, 1.27, GateVerdict.UNDECIDED),
        (1.04, 1.06, GateVerdict.UNDECIDED),
        (1.051, 1.06, GateVerdict.FAILS),
        (1.2, 1.4, GateVerdict.FAILS),
    ],
)
def test_the_whole_interval_lies_on_one_side_of_the_limit_or_nothing_is_decided(
    low: float, high: float, verdict: GateVerdict
) -> None:
    assert judged(low, high).verdict is verdict


def test_what_takes_exactly_as_long_as_is_allowed_passes() -> None:
    assert judge_gate(around(0.0, 0.0, error=0.05), 0.0, processes=(2,)).verdict is GateVerdict.PASSES


@pytest.mark.parametrize("warning", DOUBTFUL)
@pytest.mark.parametrize(("low", "high"), [(0.99, 1.01), (1.2, 1.4)])
def test_a_doubtful_interval_neither_passes_nor_fails(warning: StabilityWarning, low: float, high: float) -> None:
    found = judged(low, high, warnings=(StabilityWarning.BATTERY, warning))
    assert (found.verdict, found.reason, found.doubts) == (GateVerdict.UNDECIDED, Reason.DOUBTFUL, (warning,))
    assert judged(low, high, warnings=(StabilityWarning.BATTERY,)).verdict is not GateVerdict.UNDECIDED


def test_a_machine_that_moved_is_not_a_file_that_is_as_fast() -> None:
    moved = judged(0.99, 1.01, own_ratio=1.3, warnings=(StabilityWarning.BIMODAL,))
    assert (moved.verdict, moved.reason) == (GateVerdict.UNDECIDED, Reason.MOVED)
    assert judged(0.99, 1.01, own_ratio=1.04).verdict is GateVerdict.PASSES
    assert judged(0.99, 1.01, own_ratio=0.7).verdict is GateVerdict.PASSES  # a faster machine hides no slowdown
    assert judged(1.2, 1.4, own_ratio=1.3).verdict is GateVerdict.FAILS  # beside the anchor, which took it out


def test_times_of_two_places_are_not_judged() -> None:
    for low, high in ((0.99, 1.01), (1.2, 1.4)):
        assert judged(low, high, other_place=True).reason is Reason.OTHER_PLACE


def test_without_an_interval_there_is_nothing_to_judge() -> None:
    found = judge_gate(None, LIMIT, processes=(1,))
    assert (found.verdict, found.reason, found.more) == (GateVerdict.UNDECIDED, Reason.TOO_FEW, None)


def test_as_many_more_processes_as_are_told_would_decide_of_the_same_scatter() -> None:
    """Six of 4 % scatter: as many more of just that mean and scatter leave the limit outside, and one fewer do not."""

    def processes(count: int) -> list[float]:
        logs = np.resize([0.04, -0.04], count)
        logs = (logs - logs.mean()) / logs.std(ddof=1) * 0.04
        return [float(ratio) for ratio in np.exp(logs)]

    six = estimate(processes(6))
    more = judge_gate(six, 0.02, processes=(6,)).more
    assert more is not None
    decided, not_yet = estimate(processes(6 + more)), estimate(processes(5 + more))
    assert decided
    assert not_yet
    assert decided.high < 1.02 < not_yet.high


def test_two_sides_grow_alike() -> None:
    rng = np.random.default_rng(0)
    before, after = (list(np.exp(rng.normal(0, 0.05, 5))) for _ in range(2))
    first, second = estimate(before), estimate(after)
    assert first
    assert second
    found = quotient(second, first)
    more = more_to_decide(found, 0.2, (5, 5))
    assert more is None or more < 5
    nearer = more_to_decide(found, math.expm1(math.log(found.ratio) + 0.01), (5, 5))
    assert nearer
    # Of 5 % scatter on each side, 1 % is told by about 2 * (2 * 0.05 / 0.01) ** 2 of them.
    assert 50 < nearer < 400


def test_what_differs_from_run_to_run_is_not_waited_for() -> None:
    ratios = [0.99, 1.01] * 3
    decidable, apart = estimate(ratios), estimate(ratios, earlier=[[1.06, 1.08]])
    assert decidable
    assert apart
    assert more_to_decide(decidable, 0.005, (6,)) is not None
    assert more_to_decide(apart, 0.05, (6,)) is None


def test_where_processes_depend_the_interval_counts_for_twice_as_wide() -> None:
    depend = (StabilityWarning.PROCESSES_DEPEND,)
    assert judged(0.99, 1.04).verdict is GateVerdict.PASSES
    assert judged(0.99, 1.04, warnings=depend).reason is Reason.HOLDS_LIMIT
    assert judged(0.995, 1.005, warnings=depend).verdict is GateVerdict.PASSES
    assert judged(1.09, 1.11, warnings=depend).verdict is GateVerdict.FAILS


def test_what_lies_on_the_limit_is_not_waited_for() -> None:
    assert judge_gate(interval(1.05 * 0.98, 1.05 / 0.98), LIMIT, processes=(6,)).more is None
    assert judged(0.98, 1.06, warnings=(StabilityWarning.RATIO_BIMODAL,)).more is None  # more of it stays doubtful


def test_gates_on_the_scatter_of_one_thread_are_right() -> None:
    """Six processes of two networks as they were measured, and a limit of 5 %: a few of the gates of check-gate."""
    by_name = {(kind.scatter, kind.by): kind for kind in kinds()}
    kind = by_name["one thread, networks", "compare"]
    for slowdown, verdict in ((0.0, GateVerdict.PASSES), (0.1, GateVerdict.FAILS)):
        assert {found.gate.verdict for found in simulate(kind, slowdown, 5)} == {verdict}
    (undecided,) = simulate(kind, LIMIT, 1)  # on the limit, nobody knows
    assert undecided.gate.reason is Reason.HOLDS_LIMIT
    assert simulate(kind, 0.0, 3) == simulate(kind, 0.0, 3)


with Path(gate.__file__).with_suffix(".csv").open(newline="") as _file:
    SIMULATED = list(csv.DictReader(_file))


LIKE_FILES = ("one thread", "two threads, equal blocks")


@pytest.mark.parametrize("row", [row for row in SIMULATED if row["scatter"].startswith(LIKE_FILES)])
def test_a_hundred_gates_are_as_right_as_they_were_to_be(row: dict[str, str]) -> None:
    passes, fails = int(row["passes"]), int(row["fails"])
    assert int(row["gates"]) == 100
    match float(row["slowdown"]):
        case 0.0:
            assert passes >= 80
            assert fails == 0
        case 0.02:
            assert fails <= 5
        case _:
            assert passes <= 2
            assert fails >= 95


# Six processes in a row are wrong more often where networks differ: docs/comparing.md says how often.
MINUTES_APART = [row for row in SIMULATED if row["scatter"] == "two threads, networks, three minutes apart"]
BY_DIFF = [row for row in SIMULATED if row["scatter"] == "two threads, networks" and row["by"] == "diff"]


@pytest.mark.parametrize("row", [*MINUTES_APART, *BY_DIFF])
def test_on_two_threads_five_of_a_hundred_gates_are_wrong_at_most_by_diff_and_by_processes_minutes_apart(
    row: dict[str, str],
) -> None:
    assert int(row["gates"]) == 100
    assert int(row["wrong"]) <= 5


def test_the_page_has_the_figures_of_the_simulation() -> None:
    cells: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in SIMULATED:
        cells[row["scatter"], row["by"]].append(f"{row['passes']} / {row['fails']} / {row['undecided']}")
    stated = [f"| {' | '.join((*kind, *figures))} |" for kind, figures in cells.items()]
    page = (Path(gate.__file__).parents[2] / "docs" / "comparing.md").read_text()
    assert [line for line in page.splitlines() if " / " in line and line.startswith("| ")] == stated
