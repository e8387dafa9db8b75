from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.runs.diff import diff_stores
from effmod_bench.screen.console import Console
from results.tables.write import OutputFormat
from tests.effmod_bench.support import store_with
from tests.fakes import make_round, timed_artifact

ROUNDS = [make_round([10 + i / 100], index=i) for i in range(4)]


def diff(before: Path, after: Path, *, fail_if_slower: float | None = None) -> ExitCode:
    return diff_stores(Console(), before, after, OutputFormat.TABLE, margin=0.005, fail_if_slower=fail_if_slower)


def test_a_store_is_not_slower_than_itself(tmp_path: Path) -> None:
    store = store_with(tmp_path / "then", *ROUNDS)
    assert diff(store, store, fail_if_slower=0.0) is ExitCode.OK


def test_of_several_files_of_one_name_the_last_counts_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    later = [make_round([20 + i / 100], artifact=other, run_id="20260202T000000-bbbb", index=i) for i in range(4)]
    then, now = store_with(tmp_path / "then", *ROUNDS), store_with(tmp_path / "now", *ROUNDS, *later)
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert (
        f"{now} has several of efficientmod_xxs, of other machines, cores, warm-ups or files: the last counts" in said
    )
    assert f"{then} has several" not in said


def test_what_only_one_of_them_has_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then, now = (
        store_with(tmp_path / folder, *ROUNDS, make_round(artifact=timed_artifact(name)))
        for folder, name in (("then", "resnet18"), ("now", "deit_tiny"))
    )
    assert diff(then, now) is ExitCode.OK
    assert capsys.readouterr().err.splitlines() == [f"Only in {then}: resnet18", f"Only in {now}: deit_tiny"]
    with pytest.raises(TargetError, match="have no row in common"):
        diff(then, store_with(tmp_path / "other", make_round(artifact=timed_artifact("deit_tiny"))))
