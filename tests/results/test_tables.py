import csv
import io
from typing import Any

import msgspec
import pytest

from results import (
    Comparison,
    ComputeUnits,
    Device,
    Measurement,
    Round,
    Runtime,
    RuntimeOptions,
    TimedArtifact,
    compare,
    summarise,
)
from results.tables.by_hand import hand_entry_table
from results.tables.comparisons import comparison_table
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.words import labels, milliseconds, percent
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_comparison_process, make_hand_entry, make_round, timed_artifact


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
    assert text.startswith("A CPU, ONNX Runtime, 2 threads, batch 1, 224 px, plain form, 2 timed runs, 1 round\n")


def test_latex_is_a_booktabs_table(table: Table[Measurement]) -> None:
    text = render(table, OutputFormat.LATEX)
    assert r"\toprule" in text
    assert r"efficientmod\_xs" in text


def test_how_to_get_the_papers_latency_is_said_where_the_form_keeps_it_away() -> None:
    def notes(**changes: Any) -> str:
        return " ".join(measurement_table(summarise([make_round(**changes)])).notes)

    rewritten = timed_artifact(form="rewritten")
    assert "'effmod bench --rewrite none' does so too" in notes(artifact=rewritten)
    assert "--rewrite none" not in notes()
    assert "--rewrite none" not in notes(artifact=timed_artifact(form="rewritten", batch_size=2))
    assert "--rewrite none" not in notes(artifact=timed_artifact("timm:resnet18", form="rewritten"))


def test_only_a_screen_draws_a_table(table: Table[Measurement]) -> None:
    with pytest.raises(ValueError, match="console"):
        render(table, OutputFormat.TABLE)


def test_what_rows_share_is_no_column_and_what_they_do_not_is_one(table: Table[Measurement]) -> None:
    assert "threads" not in [column.key for column in table.main_columns()]
    mixed = measurement_table(summarise([make_round(threads=1), make_round(threads=2)]))
    assert "threads" in [column.key for column in mixed.main_columns()]
    assert "threads" not in (mixed.title or "")


def test_a_version_in_which_rows_differ_is_a_column() -> None:
    def on(**changes: Any) -> Round:
        return make_round(machine=msgspec.structs.replace(MACHINE, **changes))

    versions = {**MACHINE.versions, "onnxruntime": "1.20"}
    mixed = measurement_table(summarise([on(versions=versions), on(versions={**versions, "onnxruntime": "1.21"})]))
    (column,) = (column for column in mixed.main_columns() if column.key == "versions")
    assert [column.text(row) for row in mixed.rows] == ["onnxruntime 1.20", "onnxruntime 1.21"]
    cores = measurement_table(summarise([on(available_cores=2), on(available_cores=1)]))
    assert "available_cores" in [column.key for column in cores.main_columns()]
    alone = measurement_table(summarise([on(versions=versions)]))
    assert {"versions", "os", "available_cores"}.isdisjoint(column.key for column in alone.main_columns())


def test_files_that_look_alike_are_told_apart_by_their_hashes() -> None:
    other = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    alike = measurement_table(summarise([make_round(), make_round(artifact=other)]))
    (column,) = (column for column in alike.main_columns() if column.key == "sha256")
    assert [column.text(row) for row in alike.rows] == ["5555555", "7777777"]
    assert labels([timed_artifact(), other, timed_artifact("mine")]) == [
        "efficientmod_xxs (5555555)",
        "efficientmod_xxs (7777777)",
        "mine",
    ]
    processes = [msgspec.structs.replace(make_comparison_process(index=i), candidate=other) for i in range(2)]
    compared = {column.key for column in comparison_table(compare(processes)).main_columns()}
    assert {"sha256", "baseline_sha256"} <= compared
    told_by_form = msgspec.structs.replace(other, form="rewritten")
    apart = measurement_table(summarise([make_round(), make_round(artifact=told_by_form)]))
    assert "sha256" not in [column.key for column in apart.main_columns()]


def test_neighbours_that_cannot_be_told_apart_are_marked_and_the_mark_is_explained() -> None:
    def table_of(xs_ms: float) -> Table[Measurement]:
        xs = timed_artifact("efficientmod_xs")
        rounds = [make_round([10.0 + i], index=i) for i in range(3)]
        return measurement_table(
            summarise([*rounds, *(make_round([xs_ms + i], artifact=xs, index=i) for i in range(3))])
        )

    overlapping, apart = (render(table_of(ms), OutputFormat.MARKDOWN) for ms in (11.0, 50.0))
    rows = [line for line in overlapping.splitlines() if line.startswith("| efficientmod")]
    assert [row.count("≈") for row in rows] == [1, 1]
    assert "\n≈ its interval overlaps" in overlapping
    assert "≈" not in apart
    first = next(csv.DictReader(io.StringIO(render(table_of(11.0), OutputFormat.CSV))))
    assert first["indistinct_from"] == "efficientmod_xs"
    assert float(first["process_p50_low_ms"]) < float(first["process_p50_ms"]) < float(first["process_p50_high_ms"])


def test_what_the_gpus_own_clock_says_is_a_second_column_that_is_explained(table: Table[Measurement]) -> None:
    on_gpu = msgspec.structs.replace(make_round([10.0]), gpu_durations_ns=(8_765_432,))
    text = render(measurement_table(summarise([on_gpu])), OutputFormat.MARKDOWN)
    header, _, row = (line.split("|") for line in text.splitlines() if line.startswith("|"))
    assert dict(zip((cell.strip() for cell in header), (cell.strip() for cell in row), strict=True)).items() >= {
        ("p50 ms", "10.00"),
        ("GPU p50 ms ⁵", "8.77"),
    }
    assert "\n⁵ by CUDA events" in text
    assert "⁵" not in render(table, OutputFormat.MARKDOWN)


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [(106.946, "106.95"), (12.345, "12.35"), (0.1026, "0.103"), (0.0525, "0.0525"), (0.00213, "0.00213")],
)
def test_short_times_keep_their_digits(value: float, shown: str) -> None:
    assert milliseconds(value) == shown


@pytest.mark.parametrize(
    ("artifact", "paper_ms"),
    [
        (None, 0.8),
        (timed_artifact("mobileone_s1", form="rewritten"), 0.8),
        (timed_artifact("mobileone_s1", form="layer_norm_to_batch_norm"), None),
        (timed_artifact("mobileone_s1", image_size=256), None),
    ],
)
def test_the_papers_phone_stands_beside_an_entry_of_the_same_network(
    artifact: TimedArtifact | None, paper_ms: float | None
) -> None:
    table = hand_entry_table([make_hand_entry(artifact=artifact)])
    (column,) = (column for column in table.columns if column.key == "published_iphone13_ms")
    assert column.get(table.rows[0]) == paper_ms
    assert column.published
    assert render(table, OutputFormat.MARKDOWN).startswith("Entered by hand")


def test_compute_units_stand_above_the_table() -> None:
    def on(units: ComputeUnits) -> Measurement:
        record = make_round()
        options = RuntimeOptions(runtime=Runtime.COREML, compute_units=units)
        plan = msgspec.structs.replace(record.plan, device=Device.COREML, options=options)
        environment = msgspec.structs.replace(record.environment, threads=None)
        (measurement,) = summarise([msgspec.structs.replace(record, plan=plan, environment=environment)])
        return measurement

    both = measurement_table([on(ComputeUnits.ALL), on(ComputeUnits.CPU_ONLY)])
    alone = measurement_table(both.rows[:1])
    assert alone.title is not None
    assert alone.title.startswith("A CPU, Core ML, compute units: all, batch 1")
    assert "compute_units" in {column.key for column in both.main_columns()}
    assert both.title is not None
    assert "compute units" not in both.title


def comparisons(*ratios: float, threads: int = 2) -> list[Comparison]:
    """One of three processes with this ratio each, in runs of their own."""
    records = [
        make_comparison_process([ratio * (1 + noise)] * 2, run_id=f"run-{threads}-{ratio}", index=index)
        for ratio in ratios
        for index, noise in enumerate((-0.001, 0.0, 0.001))
    ]
    environment = msgspec.structs.replace(records[0].environment, threads=threads)
    return compare(msgspec.structs.replace(record, environment=environment) for record in records)


def test_a_comparison_says_in_words_which_is_faster_and_by_how_much() -> None:
    table = comparison_table(comparisons(0.981, 1.02, 1.0, 1.004))
    words = next(column for column in table.columns if column.key == "difference")
    assert [words.get(row) for row in table.rows] == [
        "1.9 % faster",
        "2.0 % slower",
        "not distinguishable",
        "not distinguishable",
    ]
    assert table.title == "A CPU, 2 threads, timed in turn"
    assert "the difference is below 0.5 %." in table.notes[-1]


def test_a_failed_comparison_is_a_row_with_its_reason_and_no_ratio() -> None:
    text = render(comparison_table(compare([make_comparison_process(failure="ended by SIGSEGV")])), OutputFormat.CSV)
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["ratio"], row["low"], row["difference"], row["failures"]) == ("", "", "", "ended by SIGSEGV")


def test_a_doubtful_comparison_is_marked_in_its_row() -> None:
    process = make_comparison_process()
    environment = msgspec.structs.replace(process.environment, threads=4)
    doubtful = compare([msgspec.structs.replace(process, environment=environment)])
    table = comparison_table([*doubtful, *comparisons(1.02)])
    assert "warnings" in [column.key for column in table.main_columns()]
    rows = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    assert [row["warnings"] for row in rows] == ["fewer-cores-than-threads", ""]


def test_comparisons_with_other_threads_are_told_apart() -> None:
    table = comparison_table([*comparisons(1.02), *comparisons(1.02, threads=1)])
    assert table.title is None
    assert "threads" in [column.key for column in table.main_columns()]


def test_the_width_of_the_interval_stands_beside_the_runs_where_it_was_asked_for() -> None:
    rows = comparisons(1.02)
    asked = [msgspec.structs.replace(row, plan=msgspec.structs.replace(row.plan, until=0.01)) for row in rows]
    shown = {column.key: column for column in comparison_table(asked).main_columns()}
    # Ratios 0.1 % apart: Student's t for three processes, 4.303, times 0.1 % over the root of 3.
    assert (shown["half_width"].text(asked[0]), shown["runs"].text(asked[0])) == ("0.249 %", "6")
    assert "half_width" not in [column.key for column in comparison_table(rows).main_columns()]


@pytest.mark.parametrize(("share", "text"), [(0.005, "0.5 %"), (0.0025, "0.25 %"), (0.05, "5 %"), (0.07, "7 %")])
def test_a_percentage_is_shown_as_it_was_given(share: float, text: str) -> None:
    assert percent(share) == text


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
    assert "ONNX Runtime, CUDA graph, TF32, " in (one.title or "")
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
