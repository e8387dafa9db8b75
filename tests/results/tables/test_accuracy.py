"""The column of accuracies, and what it says of where they come from."""

import io

import msgspec

from results import StatedAccuracy, summarise
from results.tables.arranged import Arrangement, arrange
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_accuracy, make_round, timed_artifact

TRAINED = msgspec.structs.replace(timed_artifact(), weights="net.pth (sha256 0123456789ab)")
OWN = msgspec.structs.replace(timed_artifact("mine.py:net"), sha256="7" * 64, weights="random(seed 0)")


def test_published_accuracies_alone_stand_under_their_own_header_without_marks() -> None:
    table = measurement_table(summarise([make_round([5.0])]))
    shown = {column.key: column.text(table.rows[0]) for column in table.main_columns()}
    assert shown["published_top1"] == "76.0"
    assert "top1" not in shown
    assert not any("top-1" in note for note in table.notes)


def test_a_published_accuracy_beside_a_checkpoint_is_said_not_to_be_its() -> None:
    rounds = [make_round([5.0], artifact=TRAINED), make_round([5.0], artifact=timed_artifact("efficientmod_xs"))]
    said = "'effmod verify --data' measures: efficientmod_xxs of net.pth (sha256 0123456789ab)."
    (note,) = [note for note in measurement_table(summarise(rounds)).notes if "a checkpoint of one's own" in note]
    assert note.endswith(said)
    known = summarise(rounds, accuracies=[make_accuracy(TRAINED)])
    assert not any("a checkpoint of one's own" in note for note in measurement_table(known).notes)


def test_beside_own_accuracies_every_one_says_whose_it_is() -> None:
    measured = make_accuracy(TRAINED)
    paper = msgspec.structs.replace(timed_artifact("efficientmod_xs"), sha256="6" * 64)
    said = StatedAccuracy(id="s-accuracy", started_at="2026", of=make_accuracy(OWN).of, top1=77.3)
    rounds = [make_round([5.0], artifact=artifact) for artifact in (TRAINED, OWN, paper)]
    table = measurement_table(summarise(rounds, accuracies=[measured, said]))
    columns = {column.key: column for column in table.main_columns()}
    assert [columns["top1"].text(row) for row in table.rows] == ["75.0 ᵐ", "77.3 ˢ", "78.3 ᵖ"]
    assert [columns["top1_low"].text(row) for row in table.rows] == ["70.3", "", ""]
    assert "published_top1" not in columns
    notes = " ".join(table.notes)
    assert "over 360 images of val (10 classes, sha256 d1d1d1d1d1d1, float32)" in notes
    assert "ˢ top-1 stated by the user. Timed with random weights" in notes
    assert "ᵖ top-1 published, of the paper's weights." in notes


def test_the_ends_of_its_interval_are_told_from_those_of_others() -> None:
    table = measurement_table(summarise([make_round([5.0], artifact=TRAINED)], accuracies=[make_accuracy(TRAINED)]))
    low, high = arrange(table, Arrangement(columns=("top1_low", "top1_high"))).columns
    assert (low.header, high.header) == ("top-1\n95 % from", "top-1\n95 % to")
    assert (low.label_alone, high.label_alone) == ("top-1 95 % from", "top-1 95 % to")


def test_what_is_said_of_a_column_goes_with_it() -> None:
    said = StatedAccuracy(id="s-accuracy", started_at="2026", of=make_accuracy(OWN).of, top1=77.3)
    table = measurement_table(summarise([make_round([5.0], artifact=OWN)], accuracies=[said]))
    for columns, is_there in ((("name", "p50_ms"), False), (("name", "top1"), True)):
        arranged = arrange(table, Arrangement(columns=columns))
        notes = " ".join(arranged.notes_of(arranged.main_columns()))
        assert ("Timed with random weights" in notes) == is_there


def test_programs_read_the_source_beside_the_figure() -> None:
    table = measurement_table(summarise([make_round([5.0], artifact=TRAINED)], accuracies=[make_accuracy(TRAINED)]))
    columns = {column.key: column.get(table.rows[0]) for column in table.columns}
    assert (columns["top1"], columns["top1_source"], columns["images"]) == (75.0, "measured here", 360)
    assert columns["published_top1"] == 76.0
    written = io.StringIO(render(table, OutputFormat.CSV))
    assert "top1,top1_low,top1_high,top1_source" in written.readline()
