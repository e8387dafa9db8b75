import csv
import io

import msgspec

from results import Fed, InputTensor, TimedArtifact, compare, summarise
from results.statistics.difference import differences
from results.tables.comparisons import comparison_table
from results.tables.differences import difference_table
from results.tables.fed import fed_in_words, fed_notes
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_comparison_process, make_round, timed_artifact


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


def test_rows_of_one_file_that_were_fed_differently_say_what_in_a_column() -> None:
    """Only of the inputs in which they differ; what came of a file is known by its hash."""
    artifacts = [
        fed(("src", "image", False, 1), ("ratio", "1", False, 1)),
        fed(("src", "image", False, 1), ("ratio", "0.25", True, 1)),
        fed(("src", "image", False, 1), ("ratio", "r.npy", True, 1)),
        fed(("src", "image", False, 1), ("ratio", "0.npz", True, 3)),
    ]
    table = measurement_table(summarise([make_round(artifact=artifact) for artifact in artifacts]))
    (column,) = [column for column in table.main_columns() if column.key == "fed"]
    assert [column.text(row) for row in table.rows] == [
        "ratio 1",
        "ratio 0.25 (given)",
        "ratio r.npy (given, abababa)",
        "ratio 0.npz +2 (given, abababa)",
    ]
    rows = list(csv.DictReader(io.StringIO(render(table, OutputFormat.CSV))))
    assert rows[1]["fed"] == "src image (sha256 abababababab); ratio 0.25 (given, sha256 abababababab)"


def test_rows_of_one_feed_or_of_different_files_need_no_such_column() -> None:
    one = fed(("ratio", "1", False, 1))
    other = msgspec.structs.replace(fed(("ratio", "0.5", True, 1)), name="other.onnx", sha256="f" * 64)
    table = measurement_table(summarise([make_round(artifact=artifact) for artifact in (one, other)]))
    assert "fed" not in [column.key for column in table.main_columns()]


def test_comparisons_that_were_fed_differently_say_so_in_a_column() -> None:
    records = [
        msgspec.structs.replace(
            make_comparison_process(run_id=f"run-{value}"), candidate=fed(("ratio", value, True, 1))
        )
        for value in ("1", "0.25")
    ]
    table = comparison_table(compare(records))
    (column,) = [column for column in table.main_columns() if column.key == "fed"]
    assert [column.text(row) for row in table.rows] == ["ratio 1 (given)", "ratio 0.25 (given)"]


def test_rows_of_two_stores_that_were_fed_differently_say_so_in_a_column() -> None:
    artifacts = [fed(("src", "image", False, 1), ("ratio", value, True, 1)) for value in ("1", "0.25")]
    # Of another hash each, as what is fed has: else they would be one row.
    inputs = [tensor for tensor in artifacts[1].inputs if tensor.fed]
    inputs[1] = msgspec.structs.replace(inputs[1], fed=Fed(value="0.25", given=True, sha256="cd" * 32))
    artifacts[1] = msgspec.structs.replace(artifacts[1], inputs=tuple(inputs))
    rows = summarise([make_round(artifact=artifact, index=index) for artifact in artifacts for index in (0, 1)])
    table = difference_table(differences(rows, rows, margin=0.005))
    (column,) = [column for column in table.main_columns() if column.key == "fed"]
    assert [column.text(row) for row in table.rows] == ["ratio 1 (given)", "ratio 0.25 (given)"]
    alone = difference_table(differences(rows[:1], rows[:1], margin=0.005))
    assert "fed" not in [column.key for column in alone.main_columns()]
