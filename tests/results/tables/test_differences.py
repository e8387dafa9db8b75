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
