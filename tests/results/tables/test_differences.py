import csv
import io

import msgspec
import pytest

from results import Measurement, summarise
from results.statistics.difference import differences
from results.tables.differences import difference_table
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_round, timed_artifact
from tests.results.support import measured


@pytest.mark.parametrize(("ratios", "key"), [((), "process_p50_{}_ms"), ((1.5, 1.6), "anchor_ratio_{}")])
def test_the_two_figures_beside_a_ratio_are_those_whose_quotient_it_is(ratios: tuple[float, ...], key: str) -> None:
    # Most runs are of the slow round: their common median is another figure.
    (row,) = differences(
        measured([10.0, 30.0], ratios), measured([20.0, 20.0, 21.0], [ratio * 1.1 for ratio in ratios]), margin=0.005
    )
    shown = {column.key: column.get(row) for column in difference_table([row]).main_columns()}
    before, after = (shown[key.format(side)] for side in ("before", "after"))
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after / before == pytest.approx(shown["ratio"])
    assert not {"p50_before_ms", "p50_after_ms"} & set(shown)


def test_the_table_names_two_machines_and_a_changed_file() -> None:
    machine = msgspec.structs.replace(MACHINE, cpu_model="Another CPU")
    changed = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    before = [make_round([ms], index=i) for i, ms in enumerate((10.0, 10.1))]
    after = [make_round([ms], index=i, machine=machine, artifact=changed) for i, ms in enumerate((11.0, 11.1))]
    table = difference_table(differences(summarise(before), summarise(after), margin=0.005))
    text = render(table, OutputFormat.MARKDOWN)
    assert "Two machines: A CPU before, Another CPU after." in text
    assert "changed" in text
    assert "% slower" in text


def test_the_table_names_other_cores_and_another_warm_up_and_holds_how_each_side_was_measured() -> None:
    def side(affinity: tuple[int, ...], warmup_runs: int) -> list[Measurement]:
        rounds = [make_round([ms], index=i) for i, ms in enumerate((10.0, 10.1))]
        machine = msgspec.structs.replace(MACHINE, affinity=affinity)
        return summarise(
            msgspec.structs.replace(
                record,
                plan=msgspec.structs.replace(record.plan, warmup_runs=warmup_runs),
                environment=msgspec.structs.replace(record.environment, machine=machine),
            )
            for record in rounds
        )

    table = difference_table(differences(side((0, 1), 50), side((4, 5), 9), margin=0.005))
    assert {"Other cores: 0-1 before, 4-5 after.", "Other warm-up runs: 50 before, 9 after."} <= set(table.notes)
    (row,) = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    of_after = ("runs", "rounds", "warmup_runs", "seeds", "affinity", "run_ids", "processes")
    assert [row[f"{key}_after"] for key in of_after] == ["2", "2", "9", "0", "4-5", "20260101T000000-0000", "2"]
    assert (row["warmup_runs_before"], row["interval_level"]) == ("50", "0.95")
    alike = difference_table(differences(side((0, 1), 50), side((0, 1), 50), margin=0.005))
    assert not [note for note in alike.notes if note.startswith("Other")]


def test_the_warnings_of_both_sides_stand_in_the_table_and_in_csv() -> None:
    steady, apart = measured([10.0, 10.01, 10.0]), measured([10.0, 10.01, 12.0])
    for stores, side in (((apart, steady), "before"), ((steady, apart), "after")):
        table = difference_table(differences(*stores, margin=0.005, limit=0.05))
        (row,) = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
        assert row[f"warnings_{side}"] == "rounds-disagree"
        assert {row["warnings_before"], row["warnings_after"]} == {"", "rounds-disagree"}
        assert f"warnings_{side}" in {column.key for column in table.main_columns()}
        assert (row["gate"], row["gate_doubts"]) == ("undecided", "rounds-disagree")


def test_what_moved_the_anchor_too_stands_in_a_column_of_its_own() -> None:
    before, (after,) = measured([10.0, 10.1], [1.5, 1.51]), measured([13.0, 13.1], [1.5, 1.51])
    assert after.anchored
    assert after.anchored.p50_ms
    moved = msgspec.structs.replace(after.anchored, p50_ms=1.3 * after.anchored.p50_ms)
    table = difference_table(differences(before, [msgspec.structs.replace(after, anchored=moved)], margin=0.005))
    assert {column.key: column.get(table.rows[0]) for column in table.main_columns()}["own_ratio"] == pytest.approx(1.3)
    assert any(note.startswith("³ its own time beside the anchor") for note in table.notes)
    assert "gate" not in {column.key for column in table.main_columns()}  # none was asked for


def test_two_files_of_one_name_are_told_apart_by_their_hashes() -> None:
    files = [msgspec.structs.replace(timed_artifact(form=None), sha256=content * 64) for content in "ab"]
    rows = [make_round([10.0], artifact=artifact, index=i) for artifact in files for i in range(2)]
    table = difference_table(differences(summarise(rows), summarise(rows), margin=0.005))
    shown = {column.key for column in table.main_columns()}
    assert {"sha256_before", "sha256_after"} <= shown
    alone = difference_table(differences(summarise(rows[:2]), summarise(rows[:2]), margin=0.005))
    assert "sha256_after" not in {column.key for column in alone.main_columns()}
