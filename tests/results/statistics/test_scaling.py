"""How time grows along a sweep: against laws that are known."""

import math
from collections.abc import Callable

import msgspec
import pytest
from scipy.stats import linregress, t

from results import Measurement, summarise
from results.statistics.scaling import fit_line, fit_power, scale
from tests.fakes import make_round, timed_artifact


def timed(name: str, ms: float, *, image_size: int = 224, macs: int = 1_000_000, threads: int = 2) -> Measurement:
    artifact = msgspec.structs.replace(timed_artifact(name, image_size=image_size), macs=macs)
    (found,) = summarise([make_round([ms], artifact=artifact, threads=threads)])
    return found


def test_a_power_law_is_found_again() -> None:
    sizes = range(224, 513, 32)
    found = fit_power(sizes, [0.004 * size**1.9 for size in sizes])
    assert found is not None
    assert found.points == 10
    assert found.interval == pytest.approx((1.9, 1.9))
    assert [found.slope, math.exp(found.intercept)] == pytest.approx([1.9, 0.004])
    assert found.largest_departure == pytest.approx(0, abs=1e-9)


def test_a_line_and_its_interval_are_scipys() -> None:
    xs, ys = [1.0, 2.0, 4.0, 7.0], [3.1, 4.9, 9.2, 14.7]
    found, theirs = fit_line(xs, ys), linregress(xs, ys)
    assert found is not None
    assert found.interval is not None
    half = t.ppf(0.975, 2) * theirs.stderr
    assert [found.slope, found.intercept] == pytest.approx([theirs.slope, theirs.intercept])
    assert found.interval == pytest.approx((theirs.slope - half, theirs.slope + half))
    assert found.largest_departure == pytest.approx(
        max(abs(y / (theirs.intercept + theirs.slope * x) - 1) for x, y in zip(xs, ys, strict=True))
    )


def test_the_departure_of_a_power_is_a_share_of_the_time_itself() -> None:
    found = fit_power([1.0, 2.0, 4.0], [1.0, 2.0 * 1.1**3, 4.0])
    assert found is not None
    assert found.slope == pytest.approx(1)
    assert found.largest_departure == pytest.approx(1.1**2 - 1)


@pytest.mark.parametrize("fit", [fit_line, fit_power])
def test_two_points_have_no_interval_and_one_has_no_line(fit: Callable[..., object]) -> None:
    assert getattr(fit([1.0, 2.0], [2.0, 3.0]), "interval", 1) is None
    assert fit([1.0, 1.0], [2.0, 3.0]) is None
    assert fit([], []) is None


def test_points_that_differ_in_one_thing_alone_are_a_series_in_order() -> None:
    series = scale([timed(name, size**2, image_size=size) for name in ("a", "b") for size in (512, 224)], "image_size")
    assert [each.name for each in series] == ["a", "b"]
    assert [point.x for point in series[0].points] == [224, 512]
    assert [point.relative for point in series[0].points] == [1, pytest.approx((512 / 224) ** 2)]
    assert series[0].power is not None
    assert series[0].power.slope == pytest.approx(2)


def test_other_threads_or_another_argument_are_another_series() -> None:
    rows = [timed(f"net(dim={dim}, k={k})", dim * k) for k in (3, 5) for dim in (8, 16)]
    assert [each.name for each in scale(rows, "dim")] == ["net(k=3)", "net(k=5)"]
    assert [each.name for each in scale(rows, "k")] == ["net(dim=8)", "net(dim=16)"]
    threads = [timed("net(dim=8)", 1, threads=n) for n in (1, 2)]
    assert len(scale(threads, "dim")) == 2
    assert len(scale(threads, "threads")) == 1


def test_a_trend_by_multiply_adds_is_found_again() -> None:
    rows = [timed(f"net(dim={n})", 0.5 + 20 * n, macs=n * 10**9) for n in (1, 2, 3)]
    (series,) = scale(rows, "dim")
    assert series.by_macs is not None
    assert [series.by_macs.slope, series.by_macs.intercept] == pytest.approx([20, 0.5])


def test_each_network_is_set_beside_the_one_with_its_arguments() -> None:
    rows = [timed(f"{name}(dim={dim})", dim * factor) for name, factor in (("a", 1), ("b", 3)) for dim in (8, 16)]
    rows.append(timed("b(dim=32)", 1))
    own, other = scale(rows, "dim", over="a")
    assert [point.beside for point in own.points] == [1, 1]
    assert [point.beside for point in other.points] == [3, 3, None]
    assert {point.beside for each in scale(rows, "dim") for point in each.points} == {None}


def test_what_failed_is_a_point_without_a_time_and_what_has_no_argument_is_none() -> None:
    good, bad = timed("net(dim=8)", 1), msgspec.structs.replace(timed("net(dim=16)", 1), latency=None)
    (series,) = scale([good, bad, timed("other", 1), timed("net(dim='x')", 1)], "dim")
    assert [(point.x, point.ms, point.relative) for point in series.points] == [(8, 1, 1), (16, None, None)]
    assert series.power is None
