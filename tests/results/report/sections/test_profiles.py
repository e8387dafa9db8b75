from pathlib import Path

import msgspec

from results import Runtime, RuntimeOptions
from results.report.sections.profiles import section
from tests.fakes import make_plan, make_profile, make_round
from tests.results.report.support import report_of

TIMES = [[700, 710], [200, 210]]


def test_a_profile_is_a_plot_a_table_and_its_slowest_operators(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, store=[make_profile(TIMES, modules=["layers.0.fc", "stem"])]))
    assert html is not None
    assert '"icicle"' in html
    assert '<th scope="row">- layers.0</th>' in html
    assert "The slowest 2 operators" in html
    assert "efficientmod_xxs <span" in html


def test_without_modules_operators_stand_in_their_place(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, store=[make_profile(TIMES, modules=[None, None])]))
    assert html is not None
    assert "icicle" not in html
    assert '<th scope="row">Conv op_0</th>' in html
    assert "slowest" not in html


def test_a_plan_says_in_the_page_that_its_shares_are_estimates(tmp_path: Path) -> None:
    html = section(report_of(tmp_path, store=[make_plan([0.75, 0.25], modules=["layers.0.fc", "stem"])]))
    assert html is not None
    assert '"icicle"' in html
    assert "nothing was run, and nothing was timed" in html
    assert "estimated" in html
    assert " ms<" not in html


def test_of_what_failed_the_reasons_are_told(tmp_path: Path) -> None:
    failed = make_profile(TIMES, modules=["a", "b"], failure="out of memory")
    html = section(report_of(tmp_path, store=[failed]))
    assert html is not None
    assert "Failed: efficientmod_xxs: out of memory" in html
    assert "<table" not in html


def test_of_one_target_on_two_runtimes_each_is_told_with_its_own(tmp_path: Path) -> None:
    ways = (RuntimeOptions(), RuntimeOptions(runtime=Runtime.OPENVINO))
    records = [
        make_profile(TIMES, modules=["a", "b"], target=0),
        make_profile(TIMES, modules=["a", "b"], target=1),
        make_profile(TIMES, modules=["a", "b"], target=1, index=1, failure="out of memory"),
    ]
    plan = msgspec.structs.replace(records[0].plan, targets=("efficientmod_xxs",) * 2, target_options=ways)
    html = section(report_of(tmp_path, store=[msgspec.structs.replace(each, plan=plan) for each in records]))
    assert html is not None
    for name in ("efficientmod_xxs on ONNX Runtime", "efficientmod_xxs on OpenVINO"):
        assert f"{name} <span" in html
        assert f"Modules of {name}, by their share" in html
    assert "Failed: efficientmod_xxs on OpenVINO: out of memory" in html


def test_where_nothing_was_profiled_there_is_no_section(tmp_path: Path) -> None:
    assert section(report_of(tmp_path, store=[make_round()])) is None
