from pathlib import Path

import msgspec
import pytest

from results import Profile, Rate, Roof, Store
from tests.fakes import make_plan, make_profile


def test_a_profile_is_stored_and_read(tmp_path: Path) -> None:
    record = make_profile([[10, 11], [20, 21]], modules=["a", None])
    Store(tmp_path).write(record)
    assert Store(tmp_path).read_kind(Profile) == [record]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kernel_us": ()}, "0 rows, and there are 1 operators"),
        ({"kernel_us": ((1, 2),)}, "2 runs of an operator, and run_us 1"),
        ({"run_us": (), "kernel_us": ((),)}, "run_us or operators is empty"),
    ],
)
def test_a_profile_that_contradicts_itself_is_none(changes: dict[str, object], why: str) -> None:
    record = msgspec.structs.asdict(make_profile([[10]], modules=["a"]))
    with pytest.raises(ValueError, match=why):
        Profile(**(record | changes))


def test_a_plan_is_stored_and_read_without_times(tmp_path: Path) -> None:
    record = make_plan([0.25, 0.75], modules=["a", None])
    Store(tmp_path).write(record)
    assert Store(tmp_path).read_kind(Profile) == [record]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"run_us": (7,)}, "weights are estimates, of a plan of which nothing ran, and there are times"),
        ({"weights": (0.5, 0.5)}, "weights has 2 rows, and there are 1 operators"),
        ({"weights": (-0.5,)}, "none is less than 0"),
        ({"weights": (0.0,)}, "and some are more"),
        ({"weights": (float("nan"),)}, "weights are shares"),
        ({"weights": ()}, "run_us or operators is empty"),
    ],
)
def test_a_plan_that_contradicts_itself_is_none(changes: dict[str, object], why: str) -> None:
    record = msgspec.structs.asdict(make_plan([1.0], modules=["a"]))
    with pytest.raises(ValueError, match=why):
        Profile(**(record | changes))


def test_the_roof_is_that_of_the_cache_which_holds_the_work() -> None:
    rates = [Rate(per_s=per_s, low=0.0, high=0.0, size_bytes=size, by="numpy") for per_s, size in ((30, 10), (20, 100))]
    roof = Roof(threads=1, multiply_adds=rates[0], bytes=tuple(rates))
    assert [roof.bytes_per_s(size) for size in (1, 10, 99, 100, 1000)] == [30, 30, 30, 20, 20]
