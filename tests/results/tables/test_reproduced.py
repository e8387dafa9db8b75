import csv
import io
import json

import msgspec
import pytest

from results import summarise
from results.statistics.reproduced import Reproduced, not_measured, reproduced
from results.tables.reproduced import reproduced_table
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_round, timed_artifact


def rows() -> list[Reproduced]:
    """One that is reproduced, one that another machine explains, one that was not measured."""
    other = msgspec.structs.replace(MACHINE, cpu_model="Another CPU")
    found = []
    for name, factor, machine in (("same", 1.0, MACHINE), ("slower", 2.0, other)):
        artifact = timed_artifact(name)
        theirs, ours = (
            summarise([make_round([f * (10 + i / 100)], index=i, machine=m, artifact=artifact) for i in range(4)])[0]
            for f, m in ((1.0, MACHINE), (factor, machine))
        )
        found.append(reproduced(theirs, ours, margin=0.1))
    (lost,) = summarise([make_round(artifact=timed_artifact("lost"))])
    return [*found, not_measured(lost, "it is a file of somebody's")]


def test_a_row_has_both_figures_the_verdict_and_the_cause() -> None:
    table = reproduced_table(rows(), margin=0.1)
    assert table.name == "reproduced"
    same, slower, lost = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    assert (same["verdict"], same["cause"], float(same["ratio"])) == ("reproduced", "", 1.0)
    assert (slower["verdict"], slower["cause"]) == ("explained", "processor: A CPU there, Another CPU here")
    assert float(slower["ours_p50_ms"]) == pytest.approx(2 * float(slower["theirs_p50_ms"]))
    assert (lost["verdict"], lost["cause"], lost["ours_p50_ms"]) == ("not measured", "it is a file of somebody's", "")


def test_notes_count_verdicts_and_say_each_condition_once() -> None:
    notes = reproduced_table(rows(), margin=0.1).notes
    assert notes[0] == "Of 3: 1 reproduced, 1 explained, 1 not measured."
    assert "Explained, since it is another machine: slower." in notes
    assert "Not the same: processor: A CPU there, Another CPU here (slower)." in notes


def test_of_figures_of_several_boards_each_row_and_note_says_which() -> None:
    found = []
    for place, factor in (("pi1", 1.0), ("pi2", 2.0)):
        theirs, ours = (
            summarise(
                msgspec.structs.replace(each, environment=msgspec.structs.replace(each.environment, place=place))
                for each in (make_round([f * (10 + i / 100)], index=i) for i in range(4))
            )[0]
            for f in (1.0, factor)
        )
        found.append(reproduced(theirs, ours, margin=0.1))
    table = reproduced_table(found, margin=0.1)
    assert {"place_theirs", "place_ours"} <= {column.key for column in table.main_columns()}
    assert any(note.endswith("efficientmod_xxs on pi2.") for note in table.notes)
    alone = reproduced_table(found[:1], margin=0.1)
    assert "place_theirs" not in {column.key for column in alone.main_columns()}


def test_every_format_has_it() -> None:
    table = reproduced_table(rows(), margin=0.1)
    assert [row["verdict"] for row in json.loads(render(table, OutputFormat.JSON))] == [
        "reproduced",
        "explained",
        "not measured",
    ]
    for output_format in (OutputFormat.MARKDOWN, OutputFormat.LATEX):
        text = render(table, output_format)
        assert "reproduced" in text
        assert "Another CPU here" in text
