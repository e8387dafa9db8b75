"""What a user states of an accuracy."""

import pytest

from effmod_bench.errors import TargetError
from effmod_bench.options.accuracy import parse_top1


def test_a_top1_is_a_target_and_its_percentage() -> None:
    assert parse_top1(["mine.py:net=77.3", "efficientmod_iso(dim=96)=70%"]) == {
        "mine.py:net": 77.3,
        "efficientmod_iso(dim=96)": 70.0,
    }
    assert parse_top1(None) == {}


@pytest.mark.parametrize("text", ["77.3", "=77", "net=", "net=good", "net=101", "net=-1", "net=nan"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(TargetError, match=r"write it as mine\.py:net=77\.3"):
        parse_top1([text])


def test_two_of_one_target_are_refused() -> None:
    with pytest.raises(TargetError, match="given twice for net"):
        parse_top1(["net=1", "net=2"])
