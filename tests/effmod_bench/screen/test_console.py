from collections import Counter
from typing import Any

import msgspec
import pytest

import models
from effmod_bench.screen import console
from effmod_bench.screen.zoo import list_table
from effmod_bench.suites.views import table_of
from results import ComparisonPlan, ComputeUnits, RuntimeOptions, compare, summarise
from results.statistics.difference import differences
from results.statistics.estimate import UNCHANGED
from results.statistics.tuning import Decision, Trial
from results.tables.by_hand import hand_entry_table
from results.tables.comparisons import comparison_table
from results.tables.differences import difference_table
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.trials import tuning_table
from results.tables.write import OutputFormat
from tests.fakes import make_comparison_process, make_hand_entry, make_round, timed_artifact


def tables_of_every_kind() -> dict[str, Table[Any]]:
    """Rows with all that a table may show: anchors, failures, warnings, files of one name, long words."""
    targets = ("efficientmod_xxs", "efficientmod_s", "a_file_of_the_users_own-static_shapes-1x3x224x224.onnx")
    plan = ComparisonPlan(targets=targets, until=0.01)
    artifacts = [timed_artifact(name, form=form) for name, form in zip(targets, ("plain", "plain", None), strict=True)]
    artifacts.append(msgspec.structs.replace(timed_artifact(batch_size=16), sha256="7" * 64))
    rounds = [
        make_round([1234.56 + i, 10.266], artifact=artifact, index=i, targets=targets, threads=9)
        for artifact in artifacts
        for i in range(3)
    ]
    rounds.append(make_round(artifact=timed_artifact("deit_tiny"), failure="NotImplemented: [ONNXRuntimeError] : 9"))
    pairs = [
        make_comparison_process([6.946 + i / 100] * 4, plan=plan, target=target, index=i)
        for target in (1, 2)
        for i in range(3)
    ]
    measurements = summarise(rounds, pairs)
    trials = [
        Trial(
            name=name,
            options=RuntimeOptions(),
            relative_error=1e-7,
            top1=81.25,
            estimate=UNCHANGED,
            processes=12,
            decision=decision,
            reason="slower than channels_first beyond doubt",
        )
        for name, decision in (("plain", Decision.DROPPED), ("merge_heads+channels_first", Decision.CHOSEN))
    ]
    entry = make_hand_entry(compute_units=ComputeUnits.CPU_AND_GPU, note="beside a window")
    return {
        "measurements": measurement_table(measurements),
        "comparisons": comparison_table(
            compare([*pairs, make_comparison_process(plan=plan, run_id="20260102T000000-0000", failure="killed")])
        ),
        "differences": difference_table(differences(measurements, measurements, margin=0.005)),
        "tuning": tuning_table(trials, "tuned"),
        "reproduction": table_of(measurements, "1"),
        "list": list_table(models.list_models()),
        "hand entries": hand_entry_table([entry]),
    }


@pytest.mark.parametrize("width", [*range(40, 130, 3), 160, 200])
def test_a_narrow_screen_never_cuts_a_figure_and_names_what_it_leaves_out(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PIPE_WIDTH", width)
    for kind, table in tables_of_every_kind().items():
        console.Console().table(table, OutputFormat.TABLE)
        out, err = capsys.readouterr()
        # The one comma in a name is none between two of them.
        names = " ".join(err.split()).removeprefix("Not shown, for want of width: ").partition(". All columns")[0]
        left_out = names.replace("paper's ms, iPhone", "paper's ms iPhone").split(", ") if names else []
        main = {column.key: column.label_alone.replace(",", "") for column in table.main_columns()}
        assert set(left_out) <= set(main.values()), kind
        shown = [column for column in table.main_columns() if main[column.key] not in left_out]
        assert len(shown) == len(main) - len(left_out), kind
        words = Counter(word for row in table.rows for column in shown for word in column.text(row).split())
        assert words <= Counter(out.split()), kind
        assert "…" not in out


@pytest.mark.parametrize(
    ("kind", "main"),
    [
        ("measurements", ["p50 by round ²", "time / anchor's ⁴"]),
        ("comparisons", ["time ratio ¹", "verdict"]),
        ("differences", ["batch", "time ratio ¹", "verdict"]),
        ("tuning", ["speed ¹", "outcome", "why"]),
        ("reproduction", ["p50 ms", "time / anchor's ⁴"]),
    ],
)
def test_the_main_facts_are_a_table_on_eighty_columns(
    kind: str, main: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PIPE_WIDTH", 80)
    table = tables_of_every_kind()[kind]
    rows = tuple(row for row in table.rows if len(table.columns[0].text(row)) < 40)
    console.Console().table(msgspec.structs.replace(table, rows=rows), OutputFormat.TABLE)
    out, err = capsys.readouterr()
    assert " ──────" in out
    assert not [label for label in main if label in err]


def test_two_files_of_one_name_keep_their_hashes_on_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PIPE_WIDTH", 80)
    other = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    compared = compare(msgspec.structs.replace(make_comparison_process(index=i), candidate=other) for i in range(2))
    console.Console().table(comparison_table(compared), OutputFormat.TABLE)
    out = capsys.readouterr().out
    assert "5555555" in out
    assert "7777777" in out


def test_a_long_note_is_several_lines_of_whole_words(capsys: pytest.CaptureFixture[str]) -> None:
    table = measurement_table(summarise([make_round()]))
    console.Console().table(table, OutputFormat.TABLE)
    lines = capsys.readouterr().out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("² "))
    assert lines[first + 1].startswith("  ")
    assert max(map(len, lines[first : first + 2])) <= 120
    (note,) = (note for note in table.notes if note.startswith("² "))
    assert " ".join(" ".join(lines[first : first + 2]).split()) == note


STRANGE = "x\x1b[31m\nerror: forged\u202e[red]y[/red]"
SEEN = r"x\x1b[31m\nerror: forged\u202e[red]y[/red]"


def test_a_name_moves_no_cursor_and_begins_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    shown = console.Console(verbosity=1)
    for say in (shown.note, shown.detail, shown.say, shown.warn, shown.error, shown.print):
        say(f"name {STRANGE}")
    with shown.progress("title") as progress:
        progress.show(STRANGE, 0, 2, None)
    shown.table(measurement_table(summarise([make_round(artifact=timed_artifact(STRANGE))])), OutputFormat.TABLE)
    out, err = capfd.readouterr()
    assert err.splitlines()[:5] == [*[f"name {SEEN}"] * 3, f"warning: name {SEEN}", f"error: name {SEEN}"]
    assert f"round 1 of 2, {SEEN}" in err
    assert out.splitlines()[0] == f"name {SEEN}"
    assert f" {SEEN} " in out
    assert all(line.isprintable() for line in (out + err).splitlines())


def test_the_lines_of_a_message_are_indented(capfd: pytest.CaptureFixture[str]) -> None:
    console.Console().error("three places:\n  a\n  b\nc")
    assert capfd.readouterr().err == "error: three places:\n  a\n  b\\nc\n"
