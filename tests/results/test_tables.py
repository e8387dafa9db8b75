import csv
import io

import msgspec
import pytest

from results import Device, Measurement, Round, Runtime, RuntimeOptions, summarise
from results.tables import OutputFormat, Table, measurement_table, milliseconds, render
from tests.fakes import make_round, timed_artifact


@pytest.fixture
def table() -> Table[Measurement]:
    xs = timed_artifact("efficientmod_xs")
    return measurement_table(summarise([make_round([10.0, 12.0]), make_round([20.0, 22.0], artifact=xs)]))


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
    assert text.startswith("A CPU, onnxruntime, 2 threads, batch 1, 224 px, plain form, 2 timed runs, 1 round\n")


def test_latex_is_a_booktabs_table(table: Table[Measurement]) -> None:
    text = render(table, OutputFormat.LATEX)
    assert r"\toprule" in text
    assert r"efficientmod\_xs" in text


def test_only_a_screen_draws_a_table(table: Table[Measurement]) -> None:
    with pytest.raises(ValueError, match="console"):
        render(table, OutputFormat.TABLE)


def test_what_rows_share_is_no_column_and_what_they_do_not_is_one(table: Table[Measurement]) -> None:
    assert "threads" not in [column.key for column in table.main_columns()]
    mixed = measurement_table(summarise([make_round(threads=1), make_round(threads=2)]))
    assert "threads" in [column.key for column in mixed.main_columns()]
    assert "threads" not in (mixed.title or "")


def test_published_columns_are_marked_as_such(table: Table[Measurement]) -> None:
    keys = {column.key for column in table.columns if column.published}
    assert keys == {"published_top1", "published_cpu_e5_2680_4t_ms"}


def test_a_failed_measurement_is_a_row_with_its_reason() -> None:
    table = measurement_table(summarise([make_round(failure="ended by SIGSEGV")]))
    text = render(table, OutputFormat.MARKDOWN)
    assert "ended by SIGSEGV" in text
    assert "mean" not in text


def test_an_empty_table_can_be_rendered() -> None:
    for output_format in (OutputFormat.JSON, OutputFormat.CSV, OutputFormat.MARKDOWN, OutputFormat.LATEX):
        assert isinstance(render(measurement_table([]), output_format), str)


@pytest.mark.parametrize(("value", "shown"), [(12.345, "12.35"), (0.1, "0.10"), (0.00213, "0.0021")])
def test_short_times_keep_their_digits(value: float, shown: str) -> None:
    assert milliseconds(value) == shown


def test_rows_of_another_runtime_or_mode_are_named_so() -> None:
    def timed(**options: object) -> Round:
        record = make_round()
        plan = msgspec.structs.replace(
            record.plan,
            device=Device.CUDA,
            options=RuntimeOptions(**options),  # type: ignore[arg-type]
        )
        return msgspec.structs.replace(record, plan=plan)

    one = measurement_table(summarise([timed(cuda_graph=True, use_tf32=True)]))
    assert "onnxruntime, CUDA graph, TF32, " in (one.title or "")
    several = measurement_table(
        summarise([timed(), timed(cuda_graph=True), timed(runtime=Runtime.PYTORCH, include_transfers=True)])
    )
    rows = list(csv.DictReader(io.StringIO(render(several, OutputFormat.CSV))))
    assert [(row["runtime"], row["mode"]) for row in rows] == [
        ("onnxruntime", ""),
        ("onnxruntime", "CUDA graph"),
        ("pytorch", "with transfers"),
    ]
    assert {"runtime", "mode"} <= {column.key for column in several.main_columns()}
