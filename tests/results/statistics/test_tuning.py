import random
from collections.abc import Callable

from results.statistics.tuning import LOOKS, beaten, far_behind, leader, pick


def drawn(ratio: float, count: int, draws: random.Random, spread: float = 0.004) -> list[float]:
    return [ratio * draws.lognormvariate(0, spread) for _ in range(count)]


def race(truth: dict[str, float], draws: random.Random) -> dict[str, int]:
    """After how many processes each was dropped; who was not is left out."""
    ratios: dict[str, list[float]] = {name: [] for name in truth}
    dropped: dict[str, int] = {}
    for size in LOOKS:
        for name, each in ratios.items():
            each.extend(drawn(truth[name], size - len(each), draws))
        for name in beaten(ratios, candidates=len(truth)):
            dropped[name] = size
            del ratios[name]
    return dropped


def share(happens: Callable[[random.Random], bool], trials: int = 300) -> float:
    return sum(happens(random.Random(seed)) for seed in range(trials)) / trials


def test_one_that_is_far_behind_is_dropped_at_the_first_looks() -> None:
    dropped = race({"fast": 0.85, "slow": 1.2, "near": 0.851}, random.Random(0))
    assert dropped == {"slow": LOOKS[0]}


def test_the_baseline_beats_what_is_slower_than_it() -> None:
    ratios = {"slow": drawn(1.1, 8, random.Random(0)), "slower": drawn(1.2, 8, random.Random(1))}
    assert beaten(ratios, candidates=2) == {"slow": None, "slower": None}


def test_the_beaten_are_told_by_whom() -> None:
    ratios = {"fast": drawn(0.8, 8, random.Random(0)), "slow": drawn(0.9, 8, random.Random(1))}
    assert beaten(ratios, candidates=2) == {"slow": "fast"}


def test_the_fastest_is_hardly_ever_dropped() -> None:
    truth = {"fastest": 0.900, "second": 0.901, "third": 0.902, "fourth": 0.903}
    assert share(lambda draws: "fastest" in race(truth, draws)) <= 0.05


def test_three_percent_are_seen_before_the_race_is_over() -> None:
    assert share(lambda draws: "slow" in race({"fast": 0.90, "slow": 0.927}, draws)) >= 0.95


def test_one_process_says_nothing() -> None:
    assert beaten({"fast": [0.5], "slow": [2.0]}, candidates=2) == {}


def test_the_simplest_of_those_that_are_as_fast_is_taken() -> None:
    ratios = {"simple": [0.902] * 3, "fastest": [0.900] * 3, "slow": [0.95] * 3}
    assert pick(ratios, margin=0.005) == "simple"
    assert pick(ratios, margin=0.001) == "fastest"


def test_what_two_processes_say_too_little_of_is_not_taken_for_as_fast() -> None:
    assert pick({"vague": [0.9, 1.1], "fastest": [0.88, 0.882]}, margin=0.005) == "fastest"


def test_one_process_is_too_little_to_be_taken() -> None:
    assert pick({"once": [0.5], "often": [0.9] * 3}, margin=0.005) == "often"
    assert pick({"once": [0.5]}, margin=0.005) is None


def test_the_baseline_is_kept_where_the_gain_is_below_the_margin() -> None:
    assert pick({"a": [0.997] * 3}, margin=0.005) is None
    assert pick({"a": [1.1] * 3}, margin=0.005) is None
    assert pick({"a": []}, margin=0.005) is None
    assert pick({}, margin=0.005) is None


def test_only_who_is_far_behind_is_out_after_a_screening() -> None:
    assert far_behind({"fast": 0.4, "near": 0.55, "far": 0.61, "slow": 1.2}) == {"far": "fast", "slow": "fast"}
    assert far_behind({"near": 1.4, "far": 1.6}) == {"far": None}
    assert far_behind({}) == {}


def test_one_that_the_budget_let_nobody_time_twice_leads_where_it_seems_faster() -> None:
    screened = {"plain": 0.36, "rewritten": 0.44}
    assert leader({"plain": [0.37], "rewritten": [0.44, 0.45]}, screened, 0.005) == "plain"
    assert leader({"plain": [0.47], "rewritten": [0.44, 0.45]}, {**screened, "plain": 0.46}, 0.005) == "rewritten"
    assert leader({"plain": [], "rewritten": []}, screened, 0.005) == "plain"
    assert leader({"plain": [], "rewritten": []}, {"plain": 0.999, "rewritten": 1.2}, 0.005) is None
    assert leader({"another": [0.3]}, {}, 0.005) is None
