"""The test and the interval of two paired shares, against their definitions."""

import math

import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, multinomial

from exporters.proof.chance import mcnemar, tango

Z2 = 1.959963984540054**2


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"), [(5, 0, 0.0625), (0, 0, 1), (1, 7, 0.0703125), (8, 8, 1)]
)
def test_mcnemars_exact_test_is_that_of_a_fair_coin(only_first: int, only_second: int, p_value: float) -> None:
    fewer, decided = min(only_first, only_second), only_first + only_second
    assert mcnemar(only_first, only_second) == pytest.approx(p_value)
    assert p_value == pytest.approx(min(1, 2 * float(binom.cdf(fewer, decided, 0.5))))


@pytest.mark.parametrize(("b", "c", "n"), [(1, 7, 21), (12, 3, 400), (0, 9, 50), (40, 60, 50_000)])
def test_the_ends_of_tangos_interval_are_differences_whose_score_is_just_refused(b: int, c: int, n: int) -> None:
    for d in tango(b, c, n):
        # The likeliest share of the second alone were the difference d, found by search and not by the formula.
        def unlikelihood(q: float, d: float = d) -> float:
            both = 1 - 2 * q - d
            return -(b * math.log(q + d) + c * math.log(q) + (n - b - c) * math.log(both))

        tiny = 1e-15
        q = minimize_scalar(unlikelihood, bounds=(max(0, -d) + tiny, (1 - d) / 2 - tiny), options={"xatol": 1e-13}).x
        score = (b - c - n * d) ** 2 / (n * (2 * q + d * (1 - d)))
        assert score == pytest.approx(Z2, rel=2e-3)


def test_the_interval_of_an_example_is_the_published_one() -> None:
    # Bentur et al. (2009), in Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014), 2850: 1 and 7 of 21.
    assert tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_files_that_agree_on_every_image_are_not_known_to_be_equal() -> None:
    low, high = tango(0, 0, 360)
    assert -low == high == pytest.approx(Z2 / (360 + Z2))
    assert tango(0, 0, 50_000)[1] < 0.0001
    assert tango(7, 0, 7)[1] == 1


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    first, second, n = 0.10, 0.06, 60  # the shares of images on which one alone is right
    held = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            probability = float(multinomial.pmf([b, c, n - b - c], n, [first, second, 1 - first - second]))
            if probability > 1e-7:
                low, high = tango(b, c, n)
                held += probability * (low <= first - second <= high)
    assert 0.94 < held < 0.97
