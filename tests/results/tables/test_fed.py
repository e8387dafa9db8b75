import csv
import io

import msgspec

from results import Fed, InputTensor, TimedArtifact, summarise
from results.tables.fed import fed_in_words, fed_notes
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_round, timed_artifact


def fed(*values: tuple[str, str, bool, int]) -> TimedArtifact:
    inputs = tuple(
        InputTensor(
            name=name, shape=(1,), dtype="float", fed=Fed(value=value, given=given, feeds=feeds, sha256="ab" * 32)
        )
        for name, value, given, feeds in values
    )
    return msgspec.structs.replace(timed_artifact("mine.onnx"), inputs=inputs)


def test_what_was_fed_is_said_of_each_input() -> None:
    artifact = fed(("src", "0.npz", True, 3), ("ratio", "1", False, 1))
    assert fed_in_words(artifact) == (
        "src 0.npz and 2 more in turn (given, sha256 abababababab); ratio 1 (sha256 abababababab)"
    )
    (note,) = fed_notes([artifact, artifact])
    assert note.startswith("Fed to mine.onnx: src 0.npz and 2 more in turn (given); ratio 1. By rule where nobody says")


def test_the_image_of_a_network_is_not_worth_a_note_and_older_records_say_nothing() -> None:
    assert list(fed_notes([fed(("input", "image", False, 1)), timed_artifact()])) == []
    assert fed_in_words(timed_artifact()) is None


def test_the_table_says_it_under_it_and_csv_in_a_column() -> None:
    table = measurement_table(summarise([make_round(artifact=fed(("ratio", "0.25", True, 1)))]))
    assert "Fed to mine.onnx: ratio 0.25 (given)" in table.notes[-1]
    (row,) = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    assert row["fed"] == "ratio 0.25 (given, sha256 abababababab)"
