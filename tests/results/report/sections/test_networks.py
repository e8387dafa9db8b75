from pathlib import Path

import msgspec

from results import ArtifactSource, Conditions, Record
from results.report.sections.networks import section
from tests.fakes import MACHINE, make_accuracy, make_round, on_board, timed_artifact
from tests.results.report.support import report_of


def _section(folder: Path, *records: Record) -> str:
    html = section(report_of(folder, store=list(records)))
    assert html is not None
    return html


def _fact(html: str, name: str) -> str:
    return html.partition(f"<dt>{name}</dt><dd>")[2].partition("</dd>")[0]


def test_facts_have_their_units_and_are_whole(tmp_path: Path) -> None:
    machine = msgspec.structs.replace(MACHINE, memory_bytes=25_276_059_648, smt=False, governor="performance")
    html = _section(tmp_path, make_round(machine=machine))
    assert _fact(html, "sha256") == "5" * 64
    assert _fact(html, "machine&#39;s memory") == "25.3 GB"
    assert _fact(html, "SMT") == "no"
    assert _fact(html, "frequency governor") == "performance"
    assert _fact(html, "FLOPs G") == "0.58"
    assert _fact(html, "ran by") == "onnxruntime 1, CPUExecutionProvider"
    assert _fact(html, "published top-1 %") == "76.0"


def _group(html: str, title: str) -> str:
    return html.partition(f"<h4>{title}</h4>")[2].partition("</dl>")[0]


def test_what_the_paper_says_of_accuracy_stands_once_and_is_no_latency(tmp_path: Path) -> None:
    html = _section(tmp_path, on_board(make_round(), "pi5"))
    assert "<dt>published top-1 %</dt><dd>76.0</dd>" in _group(html, "Accuracy")
    assert html.count("76.0") == 1
    assert "images" not in _group(html, "Accuracy")
    assert "top-1" not in _group(html, "Latency")
    assert "<dt>place</dt><dd>pi5</dd>" in _group(html, "The machine")


def test_a_measured_accuracy_has_its_source_its_interval_and_its_images(tmp_path: Path) -> None:
    html = _section(tmp_path, make_round(), make_accuracy(timed_artifact()))
    group = _group(html, "Accuracy")
    for name, value in (("top-1 %", "75.0"), ("top-1 95 % from", "70.3"), ("top-1 is", "measured here")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in group
    assert (_fact(group, "images"), _fact(group, "images skipped")) == ("360", "0")


def test_a_rounds_row_says_what_the_machine_did(tmp_path: Path) -> None:
    record = make_round([10.0, 12.0])
    conditions = Conditions(elapsed_s=10.0, other_cpu_s=1.0, frequency_after_mhz=2596.12)
    environment = msgspec.structs.replace(record.environment, conditions=conditions)
    html = _section(tmp_path, msgspec.structs.replace(record, environment=environment, steady=False))
    cores = MACHINE.logical_cores
    assert cores
    row = html.partition('<th scope="row" class="number">1</th>')[2].partition("</tr>")[0]
    cells = [cell.partition(">")[2].removesuffix("</td>") for cell in row.split("<td")[1:]]
    assert cells == ["2026-01-01 00:00:00", "2", "11.00", "20.00", f"{10 / cores:.3g} %", "2596", "not settled"]


def test_a_network_whose_every_round_failed_has_its_reasons(tmp_path: Path) -> None:
    html = _section(tmp_path, make_round(failure="out of memory"))
    assert "Failed: out of memory" in html
    assert 'class="plot"' not in html
    assert '<span class="p50">failed</span>' in html


def test_only_what_effmod_made_is_said_to_be_proved(tmp_path: Path) -> None:
    assert "Parity:" in _section(tmp_path / "a", make_round())
    own = msgspec.structs.replace(timed_artifact("mine.onnx", form=None), source=ArtifactSource.FILE)
    assert "Parity:" not in _section(tmp_path / "b", make_round(artifact=own))
