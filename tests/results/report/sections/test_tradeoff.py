import json
import re
from pathlib import Path
from typing import Any

import msgspec

from results import Record
from results.report.sections.tradeoff import section
from tests.fakes import make_accuracy, make_hand_entry, make_round, on_board, timed_artifact
from tests.results.report.support import report_of


def _traces(html: str) -> list[dict[str, Any]]:
    (figure,) = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    traces: list[dict[str, Any]] = json.loads(figure)["data"]
    return [trace for trace in traces if "name" in trace]


def _section(folder: Path, **stores: list[Record]) -> str:
    html = section(report_of(folder, **stores))
    assert html is not None
    return html


def test_a_point_tells_what_it_is_of(tmp_path: Path) -> None:
    rounds: list[Record] = [make_round([10.0 + i, 10.0 + i], index=i) for i in range(3)]
    (trace,) = _traces(_section(tmp_path, store=rounds))
    lines = trace["hovertext"][0].split("<br>")
    assert lines[:2] == ["<b>efficientmod_xxs</b>", "p50 11.00 ms of 6 runs"]
    assert lines[2].startswith("p50 by round 10.97 ms, 95 % ")
    assert lines[3:5] == ["plain form, 2 threads, batch 1, 224 px", "top-1 76.0 %, published"]
    assert (trace["x"], trace["y"]) == ([11.0], [76.0])
    assert (trace["error_x"]["arrayminus"], trace["error_x"]["array"]) == ([1.0], [1.0])


def test_settings_and_stores_have_fronts_of_their_own(tmp_path: Path) -> None:
    alone = _traces(_section(tmp_path, alone=[make_round(), make_round(threads=1, run_id="b")]))
    assert [trace["name"] for trace in alone] == ["2 threads", "1 thread"]
    both = _traces(_section(tmp_path, one=[make_round()], two=[make_round()]))
    assert [trace["name"] for trace in both] == ["one", "two"]


def test_boards_of_one_kind_have_fronts_of_their_own(tmp_path: Path) -> None:
    record = make_round()
    traces = _traces(_section(tmp_path, store=[on_board(record, "pi5"), on_board(make_round(run_id="b"), "pi6")]))
    assert [trace["name"] for trace in traces] == ["A CPU on pi5", "A CPU on pi6"]


def test_accuracies_over_other_images_have_a_front_of_their_own(tmp_path: Path) -> None:
    own = msgspec.structs.replace(timed_artifact("mine.py:net"), sha256="7" * 64)
    traces = _traces(_section(tmp_path, store=[make_round(), make_round(artifact=own), make_accuracy(own)]))
    settings = "A CPU, ONNX Runtime, 2 threads, batch 1, plain form"
    assert [trace["name"].replace("<br>", " ") for trace in traces] == [
        settings,
        f"{settings}, top-1 over val (10 classes, d1d1d1d)",
    ]


def test_what_has_no_published_accuracy_is_named(tmp_path: Path) -> None:
    other = make_round(artifact=timed_artifact(image_size=256), run_id="b")
    html = _section(tmp_path, store=[make_round(), make_round(artifact=timed_artifact("mine.onnx", form=None)), other])
    assert "no top-1 or no latency: mine.onnx." in html
    assert "others of efficientmod_xxs" in html


def test_a_figure_entered_by_hand_stands_apart(tmp_path: Path) -> None:
    phone = make_hand_entry("efficientmod_xxs", mean_ms=1.5)
    ours, theirs = _traces(_section(tmp_path, store=[make_round(), phone]))
    assert theirs["marker"]["symbol"] == "square-open"
    assert "mean 1.50 ms, entered by hand" in theirs["hovertext"][0]
    assert not ours["marker"]["symbol"].endswith("-open")


def test_nothing_to_draw_is_no_section(tmp_path: Path) -> None:
    assert section(report_of(tmp_path, store=[make_round(artifact=timed_artifact("mine.onnx", form=None))])) is None
