import csv
import io

import msgspec
import pytest

from results import Measurement, summarise
from results.tables.arranged import Arrangement, arrange
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.write import OutputFormat, render
from tests.fakes import make_round, timed_artifact


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


@pytest.fixture
def strange() -> Table[Measurement]:
    """Names that are markup, a formula, and more lines than one; and a reason as long."""
    names = "a|b", "=1+1", "[2em]\x1b[31m\n& \\\\", "$x$"
    rounds = [make_round(artifact=timed_artifact(name)) for name in names]
    return measurement_table(summarise([*rounds, make_round(artifact=timed_artifact("z"), failure="no|\nline")]))


def test_no_name_breaks_a_row_of_markdown(strange: Table[Measurement]) -> None:
    lines = [line for line in render(strange, OutputFormat.MARKDOWN).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 5
    bars = {line.replace(r"\\", "").replace(r"\|", "").count("|") for line in lines}
    assert bars == {len(strange.main_columns()) + 1}
    assert lines[2].startswith(r"| a\|b ")
    assert r"no\|\\nline" in lines[-1]


def test_no_name_breaks_a_row_of_latex(strange: Table[Measurement]) -> None:
    lines = render(strange, OutputFormat.LATEX).splitlines()
    rows = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
    assert len(rows) == 5
    assert {row.replace(r"\&", "").count("&") for row in rows} == {len(strange.main_columns()) - 1}
    assert all(row.endswith(r"\\") for row in rows)
    assert rows[2].startswith(r"{[}2em]\textbackslash{}x1b{[}31m\textbackslash{}n\&")


def test_no_name_breaks_a_row_of_csv_or_is_a_formula(strange: Table[Measurement]) -> None:
    rows = list(csv.DictReader(io.StringIO(render(strange, OutputFormat.CSV))))
    assert [row["name"] for row in rows] == ["a|b", "'=1+1", r"[2em]\x1b[31m\n& \\", "$x$", "z"]
    assert rows[-1]["failures"] == r"no|\nline"


def test_json_has_names_as_they_are(strange: Table[Measurement]) -> None:
    rows = msgspec.json.decode(render(strange, OutputFormat.JSON))
    assert rows[2]["name"] == "[2em]\x1b[31m\n& \\\\"


def test_json_of_chosen_columns_has_these_raw(table: Table[Measurement]) -> None:
    chosen = arrange(table, Arrangement(columns=("p50_ms", "name", "failures"), limit=1))
    assert msgspec.json.decode(render(chosen, OutputFormat.JSON)) == [
        {"p50_ms": 11.0, "name": "efficientmod_xxs", "failures": None}
    ]


def test_csv_of_chosen_columns_has_these_in_their_order(table: Table[Measurement]) -> None:
    chosen = arrange(table, Arrangement(columns=("params", "name")))
    assert render(chosen, OutputFormat.CSV).splitlines()[:2] == ["params,name", "4736264,efficientmod_xxs"]


def test_markdown_has_no_note_whose_mark_is_not_to_be_seen(table: Table[Measurement]) -> None:
    text = render(arrange(table, Arrangement(columns=("name", "p50_ms"))), OutputFormat.MARKDOWN)
    assert "¹" not in text
    assert "Not the paper's hardware" not in text
