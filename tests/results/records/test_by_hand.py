import math

import pytest

from tests.fakes import make_hand_entry


@pytest.mark.parametrize("changes", [{"mean_ms": 1.0}, {"mean_ms": None, "p50_ms": 1.0}, {"runs": 1}])
def test_one_latency_is_enough(changes: dict[str, object]) -> None:
    assert make_hand_entry("net", **changes).tool


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean_ms": None}, "neither mean_ms nor p50_ms is given"),
        ({"mean_ms": 0.0}, "mean_ms is more than 0, not 0.0"),
        ({"p50_ms": -1.0}, "p50_ms is more than 0, not -1.0"),
        ({"p50_ms": math.inf}, "p50_ms is more than 0, not inf"),
        ({"runs": 0}, "runs is more than 0, not 0"),
        ({"device_name": " "}, "device_name is empty"),
        ({"os": ""}, "os is empty"),
        ({"tool": ""}, "tool is empty"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_hand_entry("net", **changes)
