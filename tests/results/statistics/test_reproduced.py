import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from results import ArtifactSource, Comparison, ComparisonPlan, Measurement, StabilityWarning, compare, summarise
from results.statistics.reproduced import Again, Why, not_measured, reproduced
from results.tables.reproduced import reproduced_table
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_comparison_process, make_round


def measured(medians: Sequence[float], **changes: Any) -> Measurement:
    machine = msgspec.structs.replace(MACHINE, maker_versions={"onnx": "1"}, **changes)
    (found,) = summarise([make_round([each], index=i, machine=machine) for i, each in enumerate(medians)])
    return found


STEADY = (10.0, 10.1, 9.9, 10.0)


def times(factor: float) -> list[float]:
    return [factor * each for each in STEADY]


@pytest.mark.parametrize(
    ("ours", "verdict", "why"),
    [
        (times(1.0), Again.REPRODUCED, Why.WITHIN),
        (times(1.05), Again.REPRODUCED, Why.WITHIN),
        (times(0.95), Again.REPRODUCED, Why.WITHIN),
        (times(1.1), Again.UNDECIDED, Why.HOLDS_MARGIN),
        (times(1.2), Again.DIFFERS, Why.OUTSIDE),
        (times(0.8), Again.DIFFERS, Why.OUTSIDE),
        ((9.0, 11.0, 10.0, 12.0), Again.UNDECIDED, Why.HOLDS_MARGIN),
        ((10.0,), Again.UNDECIDED, Why.TOO_FEW),
    ],
)
def test_on_the_same_machine_the_interval_decides(ours: Sequence[float], verdict: Again, why: Why) -> None:
    found = reproduced(measured(STEADY), measured(ours), margin=0.1)
    assert (found.verdict, found.why) == (verdict, why)


@pytest.mark.parametrize(
    ("changes", "verdict", "why"),
    [
        ({"cpu_model": "Another"}, Again.EXPLAINED, Why.HARDWARE),
        ({"available_cores": 1}, Again.EXPLAINED, Why.SETTING),
        ({"os": "Linux 7"}, Again.UNDECIDED, Why.PERHAPS),
        ({"memory_bytes": 1}, Again.DIFFERS, Why.OUTSIDE),
    ],
)
def test_another_figure_is_explained_by_what_is_known_to_change_times(
    changes: dict[str, Any], verdict: Again, why: Why
) -> None:
    found = reproduced(measured(STEADY), measured(times(2.0), **changes), margin=0.1)
    assert (found.verdict, found.why) == (verdict, why)
    same = reproduced(measured(STEADY), measured(STEADY, **changes), margin=0.1)
    assert same.verdict is Again.REPRODUCED


def test_what_is_too_wide_is_explained_by_another_machine_and_by_nothing_less() -> None:
    wide = (9.0, 11.0, 10.0, 12.0)
    assert reproduced(measured(STEADY), measured(wide, cpu_model="B"), margin=0.1).verdict is Again.EXPLAINED
    assert reproduced(measured(STEADY), measured(wide, available_cores=1), margin=0.1).verdict is Again.UNDECIDED


def test_times_in_two_groups_and_processes_that_depend_are_never_green() -> None:
    theirs, ours = measured(STEADY), measured(times(1.02))
    bimodal = msgspec.structs.replace(ours, warnings=(StabilityWarning.BIMODAL,))
    assert reproduced(theirs, bimodal, margin=0.1).why is Why.DOUBTFUL
    depending = msgspec.structs.replace(ours, warnings=(StabilityWarning.PROCESSES_DEPEND,))
    widths = [reproduced(theirs, each, margin=0.1).estimate for each in (ours, depending)]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[1].high - 1.02 > 1.9 * (widths[0].high - 1.02)


def test_another_file_of_the_same_versions_differs_even_where_it_takes_as_long() -> None:
    theirs, ours = measured(STEADY), measured(STEADY)
    ours = msgspec.structs.replace(ours, artifact=msgspec.structs.replace(ours.artifact, sha256="6" * 64))
    found = reproduced(theirs, ours, margin=0.1)
    assert (found.verdict, found.why) == (Again.DIFFERS, Why.OTHER_FILE)
    makers = msgspec.structs.replace(theirs.machine, maker_versions={"onnx": "0"})
    older = msgspec.structs.replace(theirs, machine=makers)
    assert reproduced(older, ours, margin=0.1).verdict is Again.REPRODUCED


def pair(ratio: float, run: str) -> Comparison:
    plan = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"))
    ratios = [(ratio + i / 1000,) * 2 for i in range(4)]
    (found,) = compare([make_comparison_process(r, plan=plan, index=i, run_id=run) for i, r in enumerate(ratios)])
    return found


@pytest.mark.parametrize(("ratio", "verdict"), [(1.52, Again.REPRODUCED), (1.8, Again.DIFFERS)])
def test_of_what_was_timed_in_turn_the_ratios_are_set_beside_each_other(ratio: float, verdict: Again) -> None:
    found = reproduced(pair(1.5, "then"), pair(ratio, "now"), margin=0.1)
    assert found.estimate is not None
    assert found.estimate.ratio == pytest.approx(ratio / 1.5, rel=1e-3)
    assert found.verdict is verdict


def test_of_what_was_timed_in_turn_another_baseline_is_another_file_too() -> None:
    theirs, ours = pair(1.5, "then"), pair(1.5, "now")
    own = msgspec.structs.replace(ours.baseline, source=ArtifactSource.FILE, sha256="6" * 64)
    found = reproduced(theirs, msgspec.structs.replace(ours, baseline=own), margin=0.1)
    assert (found.verdict, found.why) == (Again.DIFFERS, Why.OTHER_FILE)
    assert [each.name for each in found.conditions] == ["baseline's file"]
    (row,) = csv.DictReader(io.StringIO(render(reproduced_table([found], margin=0.1), OutputFormat.CSV)))
    assert row["sha256_ours"] == row["sha256_theirs"]
    assert row["beside_sha256_ours"] == "6" * 64 != row["beside_sha256_theirs"]
    assert row["cause"].startswith("baseline's file: ")


def test_of_one_file_that_two_runtimes_ran_its_exchange_is_said_once() -> None:
    theirs, ours = (
        msgspec.structs.replace(each, candidate=each.baseline) for each in (pair(1.5, "then"), pair(1.5, "now"))
    )
    own = msgspec.structs.replace(ours.baseline, source=ArtifactSource.FILE, sha256="6" * 64)
    found = reproduced(theirs, msgspec.structs.replace(ours, baseline=own, candidate=own), margin=0.1)
    assert [each.name for each in found.conditions] == ["file"]


def test_what_was_not_measured_has_its_reason() -> None:
    found = not_measured(measured(STEADY), "gone")
    assert (found.verdict, found.why, found.reason) == (Again.NOT_MEASURED, Why.NOT_MADE, "gone")
    assert found.name == "efficientmod_xxs"
