import csv
import io

import msgspec

from results import RuntimeOptions
from results.statistics.estimate import UNCHANGED, Estimate
from results.statistics.tuning import Decision, Trial
from results.tables.trials import tuning_table
from results.tables.write import OutputFormat, render


def trial(name: str, estimate: Estimate | None, *, equal: bool = True) -> Trial:
    return Trial(
        name=name, options=RuntimeOptions(), estimate=estimate, equal=equal, decision=Decision.KEPT, reason="why not"
    )


TWICE_AS_FAST = Estimate(ratio=0.5, low=0.4, high=0.625, half_width=0.25)


def test_a_candidate_that_takes_half_the_time_is_twice_as_fast() -> None:
    table = tuning_table([trial("plain", UNCHANGED), trial("other", TWICE_AS_FAST)], "tuned")
    shown = {column.key: column.text(table.rows[1]) for column in table.columns}
    assert (shown["speed"], shown["low"], shown["high"]) == ("2.000", "1.600", "2.500")
    assert "as fast as the plain file" in table.notes[0]
    assert render(table, OutputFormat.MARKDOWN).startswith("tuned\n")


def test_those_whose_outputs_differ_are_named_if_they_were_timed() -> None:
    unequal, untimed = trial("unequal", TWICE_AS_FAST, equal=False), trial("untimed", None, equal=False)
    assert tuning_table([trial("plain", UNCHANGED), unequal, untimed], "").notes[2:] == (
        "Not equal, whatever their speed: unequal.",
    )
    assert len(tuning_table([trial("plain", UNCHANGED), untimed], "").notes) == 2


def test_a_row_for_a_program_holds_how_it_was_measured() -> None:
    timed = msgspec.structs.replace(trial("other", TWICE_AS_FAST), processes=3, runs=360, warmup_runs=20, seed=7)
    text = render(tuning_table([trial("plain", UNCHANGED), timed], ""), OutputFormat.CSV)
    plain, other = csv.DictReader(io.StringIO(text))
    protocol = ("processes", "runs", "warmup_runs", "seed", "interval_level")
    assert [other[key] for key in protocol] == ["3", "360", "20", "7", "0.95"]
    assert {plain[key] for key in protocol} == {""}
