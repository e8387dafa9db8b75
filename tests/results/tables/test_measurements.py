import csv
import io
from typing import Any

import msgspec

from results import ComputeUnits, Device, Measurement, Round, Runtime, RuntimeOptions, summarise
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_round, timed_artifact


def test_how_to_get_the_papers_latency_is_said_where_the_form_keeps_it_away() -> None:
    def notes(**changes: Any) -> str:
        return " ".join(measurement_table(summarise([make_round(**changes)])).notes)

    rewritten = timed_artifact(form="rewritten")
    assert "'effmod bench --rewrite none' does so too" in notes(artifact=rewritten)
    assert "--rewrite none" not in notes()
    assert "--rewrite none" not in notes(artifact=timed_artifact(form="rewritten", batch_size=2))
    assert "--rewrite none" not in notes(artifact=timed_artifact("timm:resnet18", form="rewritten"))


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
