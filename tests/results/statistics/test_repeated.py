from statistics import variance

import pytest

from results import summarise
from results.statistics.repeated import repeated
from results.statistics.summary import grouped
from tests.fakes import make_round, timed_artifact


def test_the_spread_is_that_of_the_means_of_tests() -> None:
    tests = [make_round([ms, ms + 2], index=i) for i, ms in enumerate((4.0, 5.0, 9.0))]
    (found,) = map(repeated, summarise(tests), grouped(tests))
    assert found.means_ms == (5.0, 6.0, 10.0)
    assert found.mean_ms == 7.0
    assert found.variance_ms2 == pytest.approx(variance([5, 6, 10]))
    assert found.std_ms == pytest.approx(7**0.5)


def test_a_test_that_failed_and_other_threads_are_none_of_it() -> None:
    tests = [make_round([4.0]), make_round(index=1, failure="killed"), make_round([9.0], threads=1, index=2)]
    one, two = map(repeated, summarise(tests), grouped(tests))
    assert (two.means_ms, one.means_ms) == ((4.0,), (9.0,))
    assert (two.variance_ms2, two.std_ms) == (None, None)


def test_what_failed_altogether_is_there_without_a_mean() -> None:
    tests = [make_round(failure="killed", artifact=timed_artifact("x"))]
    (found,) = map(repeated, summarise(tests), grouped(tests))
    assert (found.means_ms, found.mean_ms, found.variance_ms2) == ((), None, None)
