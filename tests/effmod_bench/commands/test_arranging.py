"""`--columns`, `--sort` and `--limit`, wherever a table is printed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

from effmod_bench.commands import COMMANDS, Group
from effmod_bench.options.output import Printing
from effmod_bench.runs import doctor
from tests.effmod_bench.commands.support import FEW_PAIRS, Workers
from tests.effmod_bench.network import TARGET
from tests.effmod_bench.support import PairAnswer, Run, effmod, timed_in_turn

FEW = ("--runs", "4", "--rounds", "2", "--threads", "1")


def test_every_command_that_prints_a_table_can_arrange_it() -> None:
    kinds = {name: kind for name, kind in COMMANDS.items() if not isinstance(kind, Group)}
    tables = [
        name for name, kind in kinds.items() if issubclass(get_type_hints(kind).get("printing", object), Printing)
    ]
    measured = ["bench", "compare", "profile", "reproduce", "train", "tune"]
    assert tables == ["list", "info", "verify", *measured, "doctor", "show", "diff"]


@pytest.mark.parametrize(
    "command",
    [
        ("bench", "a.onnx", "--columns", "name,p50ms"),
        ("bench", "a.onnx", "--sort", "p5_ms", "--dry-run"),
        ("bench", "--table", "1", "--sort", "-published_cpu_ms"),
        ("compare", "a.onnx", "b.onnx", "--columns", "ratios"),
        ("reproduce", "table1", "--columns", "ranks"),
        ("tune", "a.onnx", "--sort", "-sped"),
        ("doctor", "--columns", "devices"),
        ("verify", "a.onnx", "--columns", "cosines"),
        ("profile", "a.onnx", "--columns", "gflop"),
        ("compare", "a.onnx", "b.onnx", "--by", "kind", "--sort", "diference"),
    ],
)
def test_an_unknown_column_is_refused_before_anything_is_measured(
    workers: Workers, files: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_findings", lambda *_: pytest.fail("it was tried"))
    done = effmod(*command)
    assert done.exit_code == 2, done.output
    assert "no column '" in done.stderr
    assert "did you mean '" in done.stderr
    assert done.stdout == ""
    assert not workers.pairs
    assert not list(files.glob("effmod-results/*"))


def test_bench_prints_its_table_as_it_is_asked_for(workers: Workers) -> None:  # noqa: ARG001
    done = effmod(
        "bench",
        *FEW,
        "b.onnx",
        "a.onnx",
        "c.onnx",
        "--columns",
        "name,p50_ms",
        "--sort=-p50_ms",
        "--output-format",
        "csv",
    )
    assert done.exit_code == 0, done.output
    header, *rows = [line.split(",") for line in done.stdout.splitlines()]
    assert header == ["name", "p50_ms"]
    assert len(rows) == 3
    assert [float(ms) for _, ms in rows] == sorted((float(ms) for _, ms in rows), reverse=True)


def test_what_is_gone_on_with_may_be_shown_otherwise(workers: Workers) -> None:  # noqa: ARG001
    assert effmod("bench", *FEW, "a.onnx", "b.onnx").exit_code == 0
    done = effmod("bench", "--resume", "--columns", "name", "--sort", "-name", "--limit", "1", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["name", "b.onnx"]


def test_a_dry_run_knows_the_columns_of_the_table_to_come(workers: Workers) -> None:  # noqa: ARG001
    done = effmod(
        "bench",
        *FEW,
        "a.onnx",
        "b.onnx",
        "--columns",
        "name,p50_ms",
        "--limit",
        "1",
        "--dry-run",
        "--output-format",
        "csv",
    )
    assert done.stdout.splitlines() == ["name", "a.onnx"]
    assert "it has no column p50_ms" in done.stderr


def test_compare_prints_its_table_as_it_is_asked_for(
    files: Path,  # noqa: ARG001
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    answer_pairs_with(timed_in_turn)
    asked = ("--columns", "compared with,name", "--output-format", "json")
    done = effmod("compare", "a.onnx", "b.onnx", "large.onnx", *FEW_PAIRS, "--sort", "-name", *asked)
    assert json.loads(done.stdout) == [{"baseline": "a.onnx", "name": f"{name}.onnx"} for name in ("large", "b")]


def test_json_of_info_holds_its_stages_where_they_are_arranged() -> None:
    whole = json.loads(effmod("info", TARGET, "--output-format", "json").stdout)["complexity"]["stages"]
    assert len(whole) > 1
    done = effmod("info", TARGET, "--sort", "-params", "--limit", "1", "--output-format", "json")
    assert json.loads(done.stdout) == [max(whole, key=lambda stage: stage["params"])]
    assert f"{len(whole) - 1} of {len(whole)} rows left out" in done.stderr


def test_the_list_is_arranged_by_its_keys_and_a_part_of_a_header_is_none(quickly: Run) -> None:
    listed = quickly("list", "efficientmod_*", "--columns", "network,top-1 %", "--sort", "-top1", "--limit", "1")
    assert listed.returncode == 2
    assert "did you mean 'top1'" in listed.stderr
    best = quickly("list", "efficientmod_*", "--columns", "name,top1", "--sort", "-top1", "--limit", "1", "-q")
    assert best.stdout.split()[-2:] == ["efficientmod_s", "81.0"]


@pytest.mark.parametrize("wrong", [("--limit", "0"), ("--columns", "name,"), ("--sort", "-"), ("--columns", "")])
def test_what_names_nothing_is_refused(quickly: Run, wrong: tuple[str, str]) -> None:
    assert quickly("list", *wrong).returncode == 2
