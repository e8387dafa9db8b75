import csv
import io

import msgspec
import pytest

from effmod_bench.suites import list_suites
from effmod_bench.suites.suite import Measuring, Suite, View
from effmod_bench.suites.views import Seen, seen_of, table_of, tables_of
from models import list_models
from models.dense.spec import list_dense
from results import Device
from results.frame import Contents
from results.published import read_table
from results.statistics.timed import Pool
from results.tables.write import OutputFormat, render
from tests.fakes import make_comparison_process, make_hand_entry, make_round, timed_artifact

TABLES = [suite for suite in list_suites().values() if suite.tables and suite.view in (View.LATENCIES, View.TESTS)]

SIZES = {spec.name: spec.image_size for spec in list_models()}


def contents_of(names: list[str], *, tests: int = 1) -> Contents:
    pool = Pool()
    rounds = [
        pool.timed_round(
            make_round([4.0 + i, 6.0 + i], artifact=timed_artifact(name, image_size=SIZES.get(name, 224)), index=i)
        )
        for name in names
        for i in range(tests)
    ]
    return Contents(rounds=tuple(rounds), pairs=(), by_hand=())


@pytest.mark.parametrize("suite", TABLES, ids=lambda suite: suite.name)
def test_every_published_figure_is_shown_by_its_suite(suite: Suite) -> None:
    assert suite.published is not None
    rows = read_table(suite.published)
    (first, *_) = tables_of(suite, seen_of(suite, contents_of(suite.networks())))
    shown = {row["name"]: row for row in _cells(first)}
    assert shown.keys() == {row["name"] for row in rows}
    for row in rows:
        cells = shown[row["name"]]
        for key, value in row.items():
            if value and key != "name":
                assert value in cells[f"published_{key}"].split(" or ") or float(value) == float(
                    cells[f"published_{key}"]
                ), f"{key} of {row['name']}"


def _cells(table: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(table, OutputFormat.CSV))))  # type: ignore[arg-type]


def test_every_published_figure_of_detectors_and_segmenters_is_shown() -> None:
    suite = list_suites()["table11"]
    assert suite.published is not None
    names = [spec.name for spec in list_dense()]
    tables = tables_of(suite, seen_of(suite, contents_of(names)))
    shown = {cell for table in tables for row in _cells(table) for cell in row.values()}
    for row in read_table(suite.published):
        for key, value in row.items():
            assert not value or value in shown or str(float(value)) in shown, f"{key} of {row['name']}"


def test_latency_along_image_sizes_has_its_exponent() -> None:
    suite, pool = list_suites()["fig8"], Pool()
    sizes = (224, 256, 448, 512)
    rounds = [
        make_round([(size / 100) ** 2.5], artifact=timed_artifact("efficientmod_s", image_size=size)) for size in sizes
    ]
    timed = tuple(pool.timed_round(each) for each in rounds)
    (table,) = tables_of(suite, seen_of(suite, Contents(rounds=timed, pairs=(), by_hand=())))
    assert len(table.rows) == 4
    assert any("grows as image size to the power 2.50" in note for note in table.notes)


def test_width_and_kernel_size_are_a_table_each_beside_the_other_block() -> None:
    suite = list_suites()["fig9"]
    names = [name for measuring in suite.measure for name in measuring.networks]
    widths, kernels = tables_of(suite, seen_of(suite, contents_of(list(dict.fromkeys(names)))))
    assert (len(widths.rows), len(kernels.rows)) == (14, 10)
    assert "our" in " ".join(widths.notes)


def test_what_joins_a_sweep_or_has_no_place_in_it_is_shown_all_the_same() -> None:
    suite, pool = list_suites()["fig8"], Pool()
    sizes = (224, 256, 288)
    timed = [
        pool.timed_round(make_round([4.0], artifact=timed_artifact(name, image_size=size)))
        for name in ("efficientmod_s", "mine.py:net")
        for size in sizes
    ]
    contents = Contents(rounds=tuple(timed), pairs=(), by_hand=())
    (table,) = tables_of(suite, seen_of(suite, contents, run_ids={timed[0].run_id}))
    assert {row.measurement.name for row in table.rows} == {"efficientmod_s", "mine.py:net"}
    fig9 = list_suites()["fig9"]
    contents = contents_of(["mbconv_iso(dim=64, kernel_size=7)", "efficientmod_xxs"])
    _, others = tables_of(fig9, seen_of(fig9, contents, run_ids={timed[0].run_id}))
    assert [row.name for row in others.rows] == ["efficientmod_xxs"]


def test_names_are_found_as_records_have_them() -> None:
    networks = ("mine.py:net(width=48, depth=2)", "folder/a.onnx", "efficientmod_x*")
    suite = Suite(title="mine", measure=(Measuring(networks=networks),))
    names = ["mine.py:net(depth=2, width=48)", "a.onnx", "efficientmod_xs", "resnet18"]
    seen = seen_of(suite, contents_of(names))
    assert [m.name for m in seen.measurements] == names[:3]
    assert [m.name for m in seen.others] == names[3:]


def test_backbones_alone_are_no_detectors() -> None:
    table = table_of(list(seen_of(list_suites()["table11"], contents_of(["resnet18"])).measurements), "7")
    assert table.title == "The backbones of the paper's Tables 7 and 11, alone"
    assert not any("mask_rcnn" in column.key for column in table.columns)
    suite = list_suites()["table11"]
    (again,) = tables_of(suite, seen_of(suite, contents_of(["resnet18"])))
    assert again.title == table.title


def test_tests_on_two_devices_are_two_tables() -> None:
    suite, pool = list_suites()["table10"], Pool()
    on_cpu = make_round([4.0], artifact=timed_artifact("efficientmod_s"))
    plan = msgspec.structs.replace(on_cpu.plan, device=Device.CUDA)
    on_gpu = msgspec.structs.replace(on_cpu, id="another", plan=plan, durations_ns=(2_000_000,))
    rounds = tuple(pool.timed_round(each) for each in (on_cpu, on_gpu))
    tables = tables_of(suite, seen_of(suite, Contents(rounds=rounds, pairs=(), by_hand=())))
    assert [[row.mean_ms for row in table.rows] for table in tables] == [[4.0], [2.0]]


def test_without_pairs_there_is_no_figure_2() -> None:
    suite = list_suites()["fig2"]
    assert tables_of(suite, seen_of(suite, contents_of(["efficientmod_s"]))) == []


def test_networks_of_another_table_are_shown_apart() -> None:
    suite = list_suites()["table1"]
    papers, apart = tables_of(suite, seen_of(suite, contents_of(["efficientmod_xxs", "resnet18"])))
    assert [row.measurement.name for row in papers.rows] == ["efficientmod_xxs"]
    assert [row.name for row in apart.rows] == ["resnet18"]
    assert apart.title == "Not of the paper's Table 1, figures 3 and 7"


def test_what_was_added_stands_among_the_others() -> None:
    suite = list_suites()["table1"]
    contents = contents_of(["efficientmod_xxs", "mine.py:net"])
    run_ids = {record.run_id for record in contents.rounds}
    (table,) = tables_of(suite, seen_of(suite, contents, run_ids=run_ids))
    assert [row.measurement.name for row in table.rows] == ["efficientmod_xxs", "mine.py:net"]


def test_three_tests_have_their_spread_beside_the_papers() -> None:
    suite = list_suites()["table10"]
    (table,) = tables_of(suite, seen_of(suite, contents_of(["efficientmod_s"], tests=3)))
    (row,) = _cells(table)
    assert [float(row[key]) for key in ("tests", "mean_ms", "std_ms", "variance_ms2")] == [3, 6, 1, 1]
    assert (float(row["published_a100_ms"]), float(row["published_a100_std"])) == (3.8, 0.01)
    said = " ".join(table.notes)
    assert "8 of its 24 latencies on the P100 are others than in its Table 1, by 1.0% to 4.8%" in said
    assert "lacks mobileone_s1" in said


def test_batch_sizes_stand_beside_the_papers() -> None:
    suite, pool = list_suites()["table10"], Pool()
    rounds = [
        pool.timed_round(make_round([4.0 * size**0.5], artifact=timed_artifact("efficientmod_s", batch_size=size)))
        for size in (1, 4, 64)
    ]
    tables = tables_of(suite, seen_of(suite, Contents(rounds=tuple(rounds), pairs=(), by_hand=())))
    rows = _cells(tables[-1])
    assert [float(row["published_a100_ms"]) for row in rows] == [3.7, 4.2, 27.2]
    assert [float(row["published_v100_ms"]) for row in rows] == [3.3, 5.3, 48.2]
    assert [float(row["relative"]) for row in rows] == [1, 0.5, 0.125]
    assert "4 batch sizes of the paper's, 2, 8, 16, 32" in " ".join(tables[-1].notes)


def test_what_was_entered_by_hand_belongs_to_the_table_of_phones() -> None:
    suite = list_suites()["table12"]
    contents = Contents(rounds=(), pairs=(), by_hand=(make_hand_entry("mobileone_s1"), make_hand_entry("vgg")))
    seen = seen_of(suite, contents)
    assert [entry.name for entry in seen.by_hand] == ["mobileone_s1"]
    (table,) = tables_of(suite, seen)
    assert len(table.rows) == 1


def test_a_suite_of_ones_own_shows_what_was_timed_in_turn_as_well() -> None:
    pool = Pool()
    pair = make_comparison_process(run_id="20260102T000000-0000")
    names = (pair.baseline.name, pair.candidate.name)
    contents = Contents(rounds=contents_of(list(names)).rounds, pairs=(pool.timed_pair(pair),), by_hand=())
    suite = Suite(title="mine", devices=(Device.CPU,), measure=(Measuring(networks=names),))
    measured, in_turn = tables_of(suite, seen_of(suite, contents))
    assert measured.title == "mine"
    assert [row.candidate.name for row in in_turn.rows] == [pair.candidate.name]
    assert tables_of(suite, Seen()) == []
