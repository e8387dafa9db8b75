import math

import msgspec
import numpy as np
import pytest
from scipy.stats import ttest_ind

from results import ComparisonPlan, Measurement, StabilityWarning, Verdict, summarise
from results.statistics.difference import differences
from results.statistics.estimate import ERROR, estimate
from results.statistics.gate import GateVerdict, Reason
from results.statistics.looks import next_look
from tests.fakes import make_round, timed_artifact
from tests.results.support import measured


@pytest.mark.parametrize("after", [[2.0, 2.5, 2.1, 2.6], [2.0, 2.5, 2.1, 2.6, 2.2]])
def test_the_interval_is_welchs(after: list[float]) -> None:
    before = [1.0, 1.1, 1.2]
    (row,) = differences(measured(before), measured(after), margin=0)
    assert row.estimate
    low, high = ttest_ind(np.log(after), np.log(before), equal_var=False).confidence_interval(0.95)
    assert (math.log(row.estimate.low), math.log(row.estimate.high)) == pytest.approx((low, high), abs=1e-6)
    assert math.log(row.estimate.ratio) == pytest.approx(np.log(after).mean() - np.log(before).mean(), abs=1e-6)


def test_what_differs_from_run_to_run_of_a_side_is_in_the_difference() -> None:
    (other,) = measured([10.0])
    rounds = [
        make_round([ms], index=i, run_id=run, artifact=other.artifact)
        for run, ms in (("1", 10.0), ("2", 11.0))
        for i in range(3)
    ]
    (row,) = differences(summarise(rounds), measured([10.0, 10.0, 10.0]), margin=0)
    assert row.estimate
    assert row.estimate.between_runs == pytest.approx(math.log(1.1) / 2)
    assert math.log1p(row.estimate.half_width) == pytest.approx(1.96 * math.log(1.1) / 2, rel=1e-3)


def test_of_two_rounds_each_there_is_an_interval_though_no_table_shows_theirs() -> None:
    (row,) = differences(measured([1.0, 1.2]), measured([2.0, 2.0]), margin=0)
    assert row.estimate
    assert math.log1p(row.estimate.half_width) == pytest.approx(12.706 * math.log(1.2) / 2, rel=1e-3)


def test_processes_that_all_agree_have_no_width() -> None:
    (row,) = differences(measured([1.0, 1.0]), measured([2.0, 2.0]), margin=0)
    assert row.estimate
    assert (row.estimate.low, row.estimate.ratio, row.estimate.high) == pytest.approx((2.0, 2.0, 2.0))


def test_one_process_alone_tells_nothing() -> None:
    (row,) = differences(measured([10.0]), measured([20.0]), margin=0)
    assert (row.estimate, row.verdict) == (None, None)
    (row,) = differences(measured([10.0]), measured([20.0, 21.0]), margin=0)
    assert row.estimate is None


def test_the_anchor_takes_a_slow_machine_out() -> None:
    before = measured([10.0, 10.1, 10.2], [1.500, 1.503, 1.497])
    after = measured([20.0, 20.1, 20.2], [1.502, 1.499, 1.501])
    (row,) = differences(before, after, margin=0.005)
    assert row.estimate
    assert row.estimate.ratio == pytest.approx(1, abs=0.002)
    assert (row.anchor, row.verdict) == ("efficientmod_xxs", Verdict.NOT_DISTINGUISHABLE)


def test_a_network_that_became_slower_beside_its_anchor_is_called_so() -> None:
    (row,) = differences(measured([10.0], [1.500, 1.503, 1.497]), measured([10.0], [1.65, 1.652, 1.648]), margin=0.005)
    assert row.estimate
    assert row.estimate.ratio == pytest.approx(1.1, abs=0.001)
    assert row.verdict is Verdict.SLOWER


@pytest.mark.parametrize("after", [{"anchor": "6"}, {"ratios": ()}])
def test_without_the_same_anchor_medians_of_rounds_are_compared(after: dict[str, object]) -> None:
    then = measured([10.0, 10.1, 10.2], [1.500, 1.503, 1.497])
    now = measured([9.0, 9.1, 9.2], **{"ratios": [1.5, 1.51, 1.52], **after})  # type: ignore[arg-type]
    (row,) = differences(then, now, margin=0.005)
    assert row.estimate
    assert row.estimate.ratio == pytest.approx(9.1 / 10.1, abs=1e-4)
    assert (row.anchor, row.verdict) == (None, Verdict.FASTER)


def test_only_rows_of_the_same_setting_are_compared() -> None:
    other = summarise([make_round(artifact=timed_artifact(batch_size=8)), make_round(threads=1)])
    assert differences(summarise([make_round()]), other, margin=0) == []


def scaled(rows: list[Measurement], factor: float) -> list[Measurement]:
    """The same on a machine where all takes so many times as long: rounds, and what is timed beside the anchor."""
    (row,) = rows
    (slower,) = summarise(
        [make_round([ms * factor], artifact=row.artifact, index=i) for i, ms in enumerate(row.latency.round_p50_ms)]  # type: ignore[union-attr]
    )
    assert row.anchored
    assert row.anchored.p50_ms
    anchored = msgspec.structs.replace(row.anchored, p50_ms=row.anchored.p50_ms * factor)
    return [msgspec.structs.replace(slower, anchored=anchored)]


def test_a_gate_does_not_pass_where_all_moved_alike_the_anchor_too() -> None:
    before = measured([10.0, 10.1, 10.2], [1.500, 1.503, 1.497])
    for factor, verdict in ((1.0, GateVerdict.PASSES), (1.3, GateVerdict.UNDECIDED), (0.7, GateVerdict.PASSES)):
        (row,) = differences(before, scaled(before, factor), margin=0.005, limit=0.05)
        assert row.own_ratio == pytest.approx(factor)
        assert row.gate
        assert row.gate.verdict is verdict
        assert (row.gate.reason is Reason.MOVED) == (factor == 1.3)


def test_beside_an_anchor_the_ratio_decides_though_the_times_scatter() -> None:
    before = measured([10.0, 10.4, 10.8], [1.500, 1.503, 1.497])
    for ratio, verdict in ((1.5, GateVerdict.PASSES), (1.65, GateVerdict.FAILS)):
        after = measured([10.4, 10.0, 10.6], [ratio, ratio * 1.002, ratio * 0.998])
        (row,) = differences(before, after, margin=0.005, limit=0.05)
        assert row.gate
        assert row.gate.verdict is verdict


def test_without_an_anchor_the_time_decides() -> None:
    before = measured([10.0, 10.01, 10.02, 10.0])
    for factor, verdict in ((1.0, GateVerdict.PASSES), (1.3, GateVerdict.FAILS)):
        after = measured([ms * factor for ms in (10.01, 10.0, 10.02, 10.02)])
        (row,) = differences(before, after, margin=0.005, limit=0.05)
        assert row.gate
        assert (row.gate.verdict, row.own_ratio) == (verdict, None)


@pytest.mark.parametrize("side", [0, 1])
def test_either_side_that_is_doubtful_leaves_a_gate_undecided(side: int) -> None:
    stores = [measured([10.0, 10.01, 10.02]), measured([10.0, 10.01, 10.02])]
    doubtful = msgspec.structs.replace(stores[side][0], warnings=(StabilityWarning.BIMODAL,))
    stores[side] = [doubtful]
    (row,) = differences(*stores, margin=0.005, limit=0.05)
    assert row.gate
    assert (row.gate.reason, row.gate.doubts) == (Reason.DOUBTFUL, (StabilityWarning.BIMODAL,))


def test_the_same_runs_are_no_two_samples() -> None:
    """They do not differ, however much they scatter."""
    row = measured([10.0, 17.0, 10.0, 17.0, 10.0])
    assert StabilityWarning.BIMODAL in row[0].warnings
    (itself,) = differences(row, row, margin=0.005, limit=0.0)
    assert itself.estimate
    assert (itself.estimate.low, itself.estimate.high) == (1, 1)
    assert itself.gate
    assert itself.gate.verdict is GateVerdict.PASSES


def looked_at_until_narrow(rng: np.random.Generator, row: Measurement) -> Measurement:
    """Beside its anchor, of which it takes just as long, until the interval is within 1 %, as `--until 1%` does it."""
    plan, ratios = ComparisonPlan(until=0.01), list[float]()
    while True:
        look = next_look(plan, len(ratios) + 1)
        ratios += rng.lognormal(0, 0.012, look.processes - len(ratios)).tolist()
        found = estimate(ratios, error=look.error)
        assert found
        if found.half_width <= 0.01:
            assert row.anchored
            anchored = msgspec.structs.replace(row.anchored, process_ratios=tuple(ratios), estimate=found)
            return msgspec.structs.replace(row, anchored=anchored)


def test_the_interval_covers_the_truth_where_both_sides_were_looked_at_until_they_were_narrow() -> None:
    """Were it missed in 6.25 % of all cases, one time of a hundred would 2000 trials show 5 % or less."""
    rng, (row,) = np.random.default_rng(0), measured([10.0], [1.0, 1.0])
    missed = 0
    for _ in range(2000):
        (found,) = differences([looked_at_until_narrow(rng, row)], [looked_at_until_narrow(rng, row)], margin=0)
        assert found.estimate
        missed += not found.estimate.low <= 1 <= found.estimate.high
    assert missed / 2000 <= 0.05


def test_the_stricter_look_of_the_two_sides_says_how_often_the_interval_may_miss() -> None:
    rng, (row,) = np.random.default_rng(0), measured([10.0], [1.0, 1.01])
    repeatedly = looked_at_until_narrow(rng, row)
    assert repeatedly.anchored
    assert repeatedly.anchored.estimate
    assert repeatedly.anchored.estimate.error < ERROR
    (found,) = differences([row], [repeatedly], margin=0)
    assert found.estimate
    assert found.estimate.error == repeatedly.anchored.estimate.error
    (plain,) = differences([row], [row], margin=0)
    assert plain.estimate
    assert plain.estimate.error == ERROR
