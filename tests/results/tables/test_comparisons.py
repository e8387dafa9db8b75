import csv
import io
from collections.abc import Iterator

import msgspec

from results import Comparison, ComparisonPlan, ComparisonProcess, Runtime, RuntimeOptions, compare
from results.tables.comparisons import comparison_table
from results.tables.words import time_in_words
from results.tables.write import OutputFormat, render
from tests.fakes import MACHINE, make_comparison_process, timed_artifact


def comparisons(*ratios: float, threads: int = 2) -> list[Comparison]:
    """One of three processes with this ratio each, of pairs and in runs of their own."""
    names = ("efficientmod_xs", *(f"network_{number}" for number in range(1, len(ratios))))
    records = [
        make_comparison_process(
            [ratio * (1 + noise)] * 2,
            plan=ComparisonPlan(targets=("efficientmod_xxs", name)),
            run_id=f"run-{threads}-{ratio}",
            index=index,
        )
        for name, ratio in zip(names, ratios, strict=True)
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


def test_comparisons_that_differ_in_the_cores_the_warm_up_or_the_run_alone_are_told_apart() -> None:
    def compared(
        run_id: str, *, affinity: tuple[int, ...] = (0, 1), warmup_runs: int = 20
    ) -> Iterator[ComparisonProcess]:
        plan = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"), warmup_runs=warmup_runs)
        machine = msgspec.structs.replace(MACHINE, affinity=affinity)
        for index in range(2):
            record = make_comparison_process(run_id=run_id, plan=plan, index=index)
            environment = msgspec.structs.replace(record.environment, machine=machine)
            yield msgspec.structs.replace(record, environment=environment)

    def told_by(*processes: ComparisonProcess) -> dict[str, list[str]]:
        table = comparison_table(compare(processes))
        assert table.title == "A CPU, 2 threads, timed in turn"
        keys = ("affinity", "warmup_runs", "run_id")
        return {c.key: [c.text(row) for row in table.rows] for c in table.main_columns() if c.key in keys}

    first = [*compared("a")]
    assert told_by(*first) == {}
    assert told_by(*first, *compared("b", affinity=(4, 5))) == {"affinity": ["0-1", "4-5"]}
    assert told_by(*first, *compared("b", warmup_runs=0)) == {"warmup_runs": ["20", "0"]}
    assert told_by(*first, *compared("b")) == {"run_id": ["a", "b"]}


def test_a_row_for_a_program_holds_how_it_was_measured() -> None:
    (row,) = csv.DictReader(io.StringIO(render(comparison_table(comparisons(1.02)), OutputFormat.CSV)))
    protocol = ("processes", "runs", "blocks", "warmup_runs", "seed", "until", "max_time_s", "interval_level")
    assert [row[key] for key in protocol] == ["3", "6", "60", "20", "0", "", "", "0.95"]


def test_the_width_of_the_interval_stands_beside_the_runs_where_it_was_asked_for() -> None:
    rows = comparisons(1.02)
    asked = [msgspec.structs.replace(row, plan=msgspec.structs.replace(row.plan, until=0.01)) for row in rows]
    shown = {column.key: column for column in comparison_table(asked).main_columns()}
    # Ratios 0.1 % apart: Student's t for three processes, 4.303, times 0.1 % over the root of 3.
    assert (shown["half_width"].text(asked[0]), shown["runs"].text(asked[0])) == ("0.249 %", "6")
    assert "half_width" not in [column.key for column in comparison_table(rows).main_columns()]


def test_files_that_look_alike_are_told_apart_by_their_hashes() -> None:
    other = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    processes = [msgspec.structs.replace(make_comparison_process(index=i), candidate=other) for i in range(2)]
    compared = {column.key for column in comparison_table(compare(processes)).main_columns()}
    assert {"sha256", "baseline_sha256"} <= compared


def test_the_note_says_what_time_and_which_runs_the_interval_speaks_for() -> None:
    runs = {"20260101T000000-0000": 1.0, "20260102T000000-0000": 1.2}
    first, second = compare(
        [
            make_comparison_process([ratio * (1 + noise)] * 2, run_id=run_id, index=index, minute=minute)
            for minute, (run_id, ratio) in enumerate(runs.items())
            for index, noise in enumerate((-0.001, 0.0, 0.001))
        ]
    )
    (before,) = (note for note in comparison_table([first]).notes if note.startswith("An interval"))
    assert before.startswith("An interval speaks for the 2 s in which the processes ran. At another time")
    notes = comparison_table([second]).notes
    assert any("for what differs from run to run, as 1 earlier run of the pair told." in note for note in notes)
    assert any("efficientmod_xs differs from run to run by 13.8 % (standard deviation)" in note for note in notes)


def test_times_are_said_in_one_unit_where_they_have_one() -> None:
    spans = ([34.4], [31, 36.2], [31, 400], [120, 1980], [3600 * 2.5])
    assert [time_in_words(span) for span in spans] == ["34 s", "31 to 36 s", "31 s to 7 min", "2 to 33 min", "2.5 h"]


def _on(runtime: Runtime, *, apart: bool = False) -> list[Comparison]:
    options = RuntimeOptions(), RuntimeOptions(runtime=runtime)
    plan = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xxs"), target_options=options)
    records = [make_comparison_process((0.9, 0.9), plan=plan, index=index) for index in range(2)]
    return compare(msgspec.structs.replace(record, apart=apart) for record in records)


def test_on_several_runtimes_each_row_says_both_at_any_width() -> None:
    table = comparison_table(_on(Runtime.OPENVINO))
    columns = {column.key: column for column in table.main_columns()}
    (row,) = table.rows
    assert [columns[key].text(row) for key in ("runtime", "baseline_runtime")] == ["OpenVINO", "ONNX Runtime"]
    assert columns["runtime"].spare == columns["baseline_runtime"].spare == 0
    assert table.title == "A CPU, 2 threads, timed in turn"
    alone = comparison_table(comparisons(0.9))
    assert not {"runtime", "baseline_runtime"} & {column.key for column in alone.main_columns()}


def test_the_note_says_whether_the_two_shared_a_process() -> None:
    together, apart = _on(Runtime.OPENVINO), _on(Runtime.PYTORCH, apart=True)
    assert "compared with, both in one process, in turn: at" in comparison_table(together).notes[0]
    assert "compared with, each in processes of its own, by turns: at" in comparison_table(apart).notes[0]
    both = comparison_table([*together, *apart]).notes[0]
    assert "in turn, or for efficientmod_xxs on PyTorch each in processes of its own, by turns: at" in both
