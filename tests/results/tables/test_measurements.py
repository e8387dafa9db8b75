import csv
import io
from typing import Any

import msgspec
import pytest

from results import (
    ArtifactSource,
    ComputeUnits,
    Device,
    GpuState,
    GraphOptimization,
    InputTensor,
    Measurement,
    Round,
    Runtime,
    RuntimeOptions,
    summarise,
)
from results.statistics.neighbours import mark_indistinct
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_comparison_process, make_round, timed_artifact
from tests.results.support import measured


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
    assert all("python" in str(column.get(row)) for row in mixed.rows)  # all of them, for programs
    assert [column.text(row) for row in mixed.rows] == ["onnxruntime 1.20", "onnxruntime 1.21"]
    cores = measurement_table(summarise([on(available_cores=2), on(available_cores=1)]))
    assert "available_cores" in [column.key for column in cores.main_columns()]
    alone = measurement_table(summarise([on(versions=versions)]))
    assert {"versions", "os", "available_cores"}.isdisjoint(column.key for column in alone.main_columns())


def changed(record: Round, **changes: Any) -> Round:
    """The same record but for fields of what it holds, such as `machine__affinity`."""
    for path, value in changes.items():
        *outer, name = path.split("__")
        holders: list[Any] = [record]
        for field in outer:
            holders.append(getattr(holders[-1], field))
        new = msgspec.structs.replace(holders[-1], **{name: value})
        for holder, field in zip(reversed(holders[:-1]), reversed(outer), strict=True):
            new = msgspec.structs.replace(holder, **{field: new})
        record = new
    return record


GPU = GpuState(**dict.fromkeys(GpuState.__struct_fields__) | {"name": "A GPU", "driver": "580"})
TWO_INPUTS = (*timed_artifact().inputs, InputTensor(name="size", shape=(1, 128), dtype="int64"))


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("environment__machine__os", "Linux 6", "Linux 7"),
        ("environment__machine__architecture", "x86_64", "aarch64"),
        ("environment__machine__cpu_model", "A CPU", "Another CPU"),
        ("environment__machine__physical_cores", 2, 4),
        ("environment__machine__logical_cores", 2, 4),
        ("environment__machine__available_cores", 2, 4),
        ("environment__machine__affinity", (0, 1), (4, 5)),
        ("environment__machine__affinity", None, (4, 5)),
        ("environment__machine__smt", False, True),
        ("environment__machine__cpu_quota", None, 1.5),
        ("environment__machine__memory_bytes", 8 << 30, (8 << 30) + 4096),
        ("environment__machine__memory_limit_bytes", None, 1 << 30),
        ("environment__machine__swap_bytes", 0, 1 << 30),
        ("environment__machine__versions", {"onnxruntime": "1"}, {"onnxruntime": "2"}),
        ("environment__threads", 1, 2),
        ("environment__gpu_before", None, GPU),
        ("environment__gpu_before", GPU, msgspec.structs.replace(GPU, driver="590")),
        ("plan__warmup_runs", 50, 0),
        ("plan__device", Device.CPU, Device.CUDA),
        ("plan__options__runtime", Runtime.ONNXRUNTIME, Runtime.TENSORRT),
        ("plan__options__device_index", 0, 1),
        ("plan__options__compute_units", ComputeUnits.ALL, ComputeUnits.CPU_ONLY),
        ("plan__options__include_transfers", False, True),
        ("plan__options__cuda_graph", False, True),
        ("plan__options__use_tf32", False, True),
        ("plan__options__allow_fallback", False, True),
        ("plan__options__prefer_nhwc", False, True),
        ("plan__options__allow_spinning", False, True),
        ("plan__options__denormal_as_zero", False, True),
        ("plan__options__graph_optimization", GraphOptimization.ALL, GraphOptimization.BASIC),
        ("artifact__source", ArtifactSource.ZOO, ArtifactSource.FILE),
        ("artifact__format", "onnx", "coreml"),
        ("artifact__form", "plain", "rewritten"),
        ("artifact__sha256", "5" * 64, "7" * 64),
        ("artifact__opset", 17, 20),
        ("artifact__specification_version", 7, 8),
        ("artifact__weights", "random(seed 0)", "theirs.pth"),
        ("artifact__inputs", timed_artifact().inputs, timed_artifact(batch_size=2).inputs),
        ("artifact__inputs", timed_artifact().inputs, timed_artifact(image_size=256).inputs),
        ("artifact__inputs", timed_artifact().inputs, TWO_INPUTS),
    ],
)
def test_whatever_makes_another_row_of_one_network_is_seen_in_it(path: str, one: object, other: object) -> None:
    table = measurement_table(summarise([changed(make_round(), **{path: value}) for value in (one, other)]))
    first, second = ([column.text(row) for column in table.main_columns()] for row in table.rows)
    assert first != second


def test_the_libraries_of_a_gpu_are_seen_where_nothing_else_tells_rows_apart() -> None:
    on_gpu = changed(make_round(), environment__gpu_before=GPU, plan__device=Device.CUDA)
    rounds = [changed(on_gpu, environment__machine__gpu_versions={"nvidia-cudnn": version}) for version in ("8", "9")]
    table = measurement_table(summarise(rounds))
    (column,) = (column for column in table.main_columns() if column.key == "gpu_versions")
    assert [column.text(row) for row in table.rows] == ["nvidia-cudnn 8", "nvidia-cudnn 9"]


def test_cores_stand_as_taskset_writes_them_and_how_many_is_not_said_twice() -> None:
    rounds = [changed(make_round(), environment__machine__affinity=cores) for cores in ((0, 1, 2, 8), (4, 5))]
    table = measurement_table(summarise([rounds[0], changed(rounds[1], environment__machine__available_cores=4)]))
    shown = {column.key: column for column in table.main_columns()}
    assert [shown["affinity"].text(row) for row in table.rows] == ["0-2,8", "4-5"]
    assert "available_cores" not in shown


def test_a_row_for_a_program_holds_how_it_was_measured() -> None:
    rounds = [changed(make_round([10.0 + i, 10.0], index=i), plan__seed=7) for i in range(3)]
    pairs = [make_comparison_process([1.0 + i, 1.0 + i], index=i) for i in range(2)]
    candidate = changed(make_round(artifact=pairs[0].candidate, targets=pairs[0].plan.targets), plan__warmup_runs=9)
    table = measurement_table(summarise([*rounds, candidate], pairs))
    anchor, other = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    protocol = ("runs", "rounds", "warmup_runs", "interval_level", "seeds", "run_ids")
    assert [anchor[key] for key in protocol] == ["6", "3", "50", "0.95", "7", "20260101T000000-0000"]
    assert [other[key] for key in protocol] == ["3", "1", "9", "", "0", "20260101T000000-0000"]
    of_pairs = ("processes", "runs", "warmup_runs", "blocks", "until", "seed", "interval_level")
    assert [other[f"anchor_{key}"] for key in of_pairs] == ["2", "4", "20", "60", "", "0", "0.95"]
    json = msgspec.json.decode(render(table, OutputFormat.JSON))
    assert [json[0][key] for key in ("warmup_runs", "seeds", "interval_level")] == [50, [7], 0.95]
    assert (json[1]["anchored"]["runs"], json[1]["anchored"]["plan"]["blocks"]) == (4, 60)


def test_percentiles_that_need_more_runs_are_left_out_and_a_note_says_so() -> None:
    few, more = make_round([10.0] * 200), make_round([10.0] * 700, artifact=timed_artifact("efficientmod_xs"))
    table = measurement_table(summarise([few, more]))
    shown = {column.key: [column.text(row) for row in table.rows] for column in table.main_columns()}
    assert (shown["p95_ms"], shown["p99_ms"]) == (["10.00", "10.00"], ["", "10.00"])
    assert [note for note in table.notes if "p95 is told of 130 timed runs or more, p99 of 662" in note]
    assert not [note for note in measurement_table(summarise([more])).notes if "662" in note]


def test_beside_an_anchor_the_mark_stands_behind_the_ratios_interval_and_is_taken_from_it() -> None:
    (xs,) = measured([10.0, 14.0, 20.0], [1.20, 1.21, 1.22])
    (s,) = measured([10.0, 14.0, 20.0], [1.21, 1.22, 1.23], name="efficientmod_s")
    table = measurement_table(mark_indistinct([xs, s]))
    keys = [column.key for column in table.main_columns()]
    assert keys.index("anchor_indistinct_from") == keys.index("anchor_high") + 1
    assert "indistinct_from" not in keys
    assert render(table, OutputFormat.MARKDOWN).count("≈") == 3  # two rows, and the note
    (far,) = measured([10.0, 14.0, 20.0], [1.50, 1.51, 1.52], name="efficientmod_s")
    assert "≈" not in render(measurement_table(mark_indistinct([xs, far])), OutputFormat.MARKDOWN)


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
    assert [column.key for column in table_of(11.0).main_columns()].index("indistinct_from") == 1 + [
        column.key for column in table_of(11.0).main_columns()
    ].index("process_p50_high_ms")
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


def test_each_board_has_rows_of_its_own_and_one_that_was_never_reached_adds_no_column() -> None:
    def on(place: str | None, **changes: Any) -> Round:
        record = make_round(**changes)
        return msgspec.structs.replace(
            record,
            id=f"{record.id}-{place}",
            environment=msgspec.structs.replace(record.environment, place=place),
        )

    unseen = msgspec.structs.replace(MACHINE, os="unknown", available_cores=0, versions={}, cpu_model=None)
    alone = measurement_table(summarise([on("one"), on("one", index=1)]))
    assert len(alone.rows) == 1
    assert alone.title is not None
    assert alone.title.startswith("one, A CPU")
    several = measurement_table(summarise([on("three", machine=unseen, failure="off"), on("one"), on("two"), on(None)]))
    shown = {column.key: [column.get(row) for row in several.rows] for column in several.main_columns()}
    assert shown["place"] == ["three", "one", "two", None]
    assert shown["failures"] == ["off", None, None, None]
    assert not {"os", "available_cores", "versions", "cpu_model"} & shown.keys()
    assert "A CPU" in (several.title or "")


def test_an_attempt_on_one_board_takes_the_place_of_none_on_another() -> None:
    def on(place: str, attempt: int, failure: str | None = None) -> Round:
        record = make_round(failure=failure)
        environment = msgspec.structs.replace(record.environment, place=place)
        return msgspec.structs.replace(record, id=f"{place}-{attempt}", attempt=attempt, environment=environment)

    found = summarise([on("one", 0, "cut"), on("one", 1), on("two", 0)])
    assert [(m.place, m.failures) for m in found] == [("one", ()), ("two", ())]
