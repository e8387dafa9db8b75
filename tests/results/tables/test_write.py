import csv
import io

import msgspec
import pytest

from results import Measurement
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.write import OutputFormat, render


def test_json_holds_the_types_whole(table: Table[Measurement]) -> None:
    rows = msgspec.json.decode(render(table, OutputFormat.JSON))
    assert [row["name"] for row in rows] == ["efficientmod_xxs", "efficientmod_xs"]
    assert rows[0]["latency"]["mean_ms"] == 11.0
    assert rows[0]["published"]["top1"] == 76.0
    assert rows[0]["session"]["execution_provider"] == "CPUExecutionProvider"


def test_csv_has_every_column_raw(table: Table[Measurement]) -> None:
    rows = list(csv.DictReader(io.StringIO(render(table, OutputFormat.CSV))))
    assert len(rows[0]) == len(table.columns)
    assert rows[0]["params"] == "4736264"
    assert rows[0]["mean_ms"] == "11.0"
    assert rows[0]["failures"] == ""


def test_markdown_has_the_notes(table: Table[Measurement]) -> None:
    text = render(table, OutputFormat.MARKDOWN)
    header = next(line for line in text.splitlines() if line.startswith("|"))
    assert "published top-1 %" in header
    assert "| efficientmod_xxs |" in text
    assert "Not the paper's hardware" in text
    assert text.startswith("A CPU, ONNX Runtime, 2 threads, batch 1, 224 px, plain form, 2 timed runs, 1 round\n")


def test_latex_is_a_booktabs_table(table: Table[Measurement]) -> None:
    text = render(table, OutputFormat.LATEX)
    assert r"\toprule" in text
    assert r"efficientmod\_xs" in text


def test_only_a_screen_draws_a_table(table: Table[Measurement]) -> None:
    with pytest.raises(ValueError, match="console"):
        render(table, OutputFormat.TABLE)


def test_an_empty_table_can_be_rendered() -> None:
    for output_format in (OutputFormat.JSON, OutputFormat.CSV, OutputFormat.MARKDOWN, OutputFormat.LATEX):
        assert isinstance(render(measurement_table([]), output_format), str)
