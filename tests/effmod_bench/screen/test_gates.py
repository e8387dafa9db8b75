import math

import pytest

from effmod_bench.screen.console import Console
from effmod_bench.screen.gates import Gated, holds
from results.statistics.estimate import around
from results.statistics.gate import judge_gate


def row(name: str, low: float, high: float) -> Gated:
    estimate = around(math.log(low * high) / 2, math.log(high / low) / 2, error=0.05) if high else None
    return Gated(
        name=name,
        gate=judge_gate(estimate, 0.05, processes=(6,)),
        estimate=estimate,
        than="than a.onnx",
        lacks="no process did not fail",
        more="4 more processes",
    )


GOOD, WIDE, BAD, FAILED = row("good", 0.9, 1.0), row("wide", 0.9, 1.2), row("bad", 1.2, 1.3), row("failed", 0.0, 0.0)


def test_what_is_slower_is_said_first_and_then_what_nobody_can_judge(capsys: pytest.CaptureFixture[str]) -> None:
    assert not holds(Console(), [GOOD, WIDE, FAILED, BAD], undecided_pass=False)
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in said] == [["error:", name] for name in ("bad", "wide", "failed")]
    assert said[0] == "error: bad is 24.9 % slower than a.onnx; --fail-if-slower allows 5 %"
    assert said[2] == "error: failed cannot be judged: no process did not fail"


@pytest.mark.parametrize(
    ("rows", "strictly", "leniently"),
    [([GOOD], True, True), ([GOOD, WIDE], False, True), ([GOOD, BAD], False, False), ([FAILED], False, False)],
)
def test_the_undecided_go_through_where_asked_and_nothing_else_does(
    rows: list[Gated], strictly: bool, leniently: bool
) -> None:
    assert holds(Console(), rows, undecided_pass=False) is strictly
    assert holds(Console(), rows, undecided_pass=True) is leniently
