import re
from pathlib import Path

import msgspec
import pytest

import results
from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.runs.diff import diff_stores
from effmod_bench.screen.console import Console
from results import ArtifactSource, Round, Store
from results.tables.write import OutputFormat
from tests.effmod_bench.support import store_with
from tests.fakes import MACHINE, make_round, timed_artifact

ROUNDS = [make_round([10 + i / 100], index=i) for i in range(4)]


def diff(before: Path, after: Path, *, fail_if_slower: float | None = None, undecided_pass: bool = False) -> ExitCode:
    return diff_stores(
        Console(),
        before,
        after,
        OutputFormat.TABLE,
        margin=0.005,
        fail_if_slower=fail_if_slower,
        undecided_pass=undecided_pass,
    )


def test_a_store_is_not_slower_than_itself(tmp_path: Path) -> None:
    store = store_with(tmp_path / "then", *ROUNDS)
    assert diff(store, store, fail_if_slower=0.0) is ExitCode.OK


def a_file(content: str, ms: float, *, run: int = 1) -> list[Round]:
    """Four rounds of a user's file, of a name that others have, too."""
    artifact = msgspec.structs.replace(
        timed_artifact("m.onnx", form=None), sha256=content * 64, source=ArtifactSource.FILE
    )
    return [
        make_round([ms + i / 100], artifact=artifact, run_id=f"2026020{run}T000000-{content * 4}", index=i)
        for i in range(4)
    ]


def test_two_files_of_one_name_are_both_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then = store_with(tmp_path / "then", *a_file("a", 10), *a_file("b", 20))
    now = store_with(tmp_path / "now", *a_file("a", 15, run=2), *a_file("b", 20, run=2))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    printed = capsys.readouterr()
    assert "Gate, at most 5 % slower: 1 passes, 1 fails, 0 undecided." in printed.out
    assert f"error: m.onnx (aaaaaaa) is 49.9 % slower in {now} than in {then}" in printed.err


def test_a_file_that_is_gone_is_told_from_another_of_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = store_with(tmp_path / "then", *a_file("a", 10), *a_file("b", 20))
    now = store_with(tmp_path / "now", *a_file("b", 20, run=2))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    assert "m.onnx (aaaaaaa) cannot be judged" in capsys.readouterr().err


def test_a_file_that_is_slower_is_compared_though_the_old_one_is_there_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = store_with(tmp_path / "then", *a_file("a", 10))
    now = store_with(tmp_path / "now", *a_file("a", 10), *a_file("c", 20))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    assert "error: m.onnx (ccccccc) is 99.9 % slower" in capsys.readouterr().err


def test_several_files_of_one_name_that_changed_are_said_to_be_compared_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = store_with(tmp_path / "then", *a_file("a", 10), *a_file("b", 20))
    now = store_with(tmp_path / "now", *a_file("c", 10, run=2), *a_file("d", 20, run=2))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.OK
    assert "Several files of one name have changed (m.onnx)" in capsys.readouterr().err


def test_what_was_measured_again_in_its_place_counts_once_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})
    later = [make_round([20 + i / 100], machine=newer, run_id="20260202T000000-bbbb", index=i) for i in range(4)]
    then, now = store_with(tmp_path / "then", *ROUNDS), store_with(tmp_path / "now", *ROUNDS, *later)
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert f"{now} has several of efficientmod_xxs on the same cores, of other versions or warm-ups: the last" in said
    assert f"{then} has several" not in said


def on_cores(cores: tuple[int, ...], ms: float) -> list[Round]:
    machine = msgspec.structs.replace(MACHINE, affinity=cores)
    run_id = f"20260202T000000-{cores[0]:04}"
    return [make_round([ms + i / 100], machine=machine, run_id=run_id, index=i) for i in range(4)]


def test_rows_of_other_cores_are_told_apart_and_each_is_compared_with_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast, slow = (0, 1), (4, 5)
    then = store_with(tmp_path / "then", *on_cores(fast, 10), *on_cores(slow, 20))
    now = store_with(tmp_path / "now", *on_cores(fast, 15), *on_cores(slow, 20))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["0-1", "0-1"] in [line[line.index("0-1") :][:2] for line in lines if "0-1" in line]
    assert ["4-5", "4-5"] in [line[line.index("4-5") :][:2] for line in lines if "4-5" in line]
    half = store_with(tmp_path / "half", *on_cores(fast, 10))
    assert diff(then, half, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    assert "efficientmod_xxs cannot be judged" in (said := capsys.readouterr().err)
    assert "and mode, on cores 4-5" in said


def on_board(place: str, ms: float) -> list[Round]:
    rounds = [make_round([ms + i / 100], run_id=f"20260202T000000-{place}", index=i) for i in range(4)]
    return [
        msgspec.structs.replace(each, environment=msgspec.structs.replace(each.environment, place=place))
        for each in rounds
    ]


def test_of_two_boards_of_one_kind_neither_hides_what_became_slower_on_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = store_with(tmp_path / "then", *on_board("pi1", 10), *on_board("pi2", 10))
    now = store_with(tmp_path / "now", *on_board("pi1", 30), *on_board("pi2", 10))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    printed = capsys.readouterr()
    rows = [line.split() for line in printed.out.splitlines() if "plain" in line]
    assert [[word for word in row if word.startswith("pi")] for row in rows] == [["pi1", "pi1"], ["pi2", "pi2"]]
    assert "efficientmod_xxs on pi1 is 199.7 % slower" in printed.err


def test_a_board_that_the_second_store_lacks_fails_the_gate_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = store_with(tmp_path / "then", *on_board("pi1", 10), *on_board("pi2", 10))
    now = store_with(tmp_path / "now", *on_board("pi1", 10))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert f"Only in {then}: efficientmod_xxs on pi2" in said
    assert "efficientmod_xxs on pi2 cannot be judged" in said


def test_times_of_another_board_are_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then, now = (store_with(tmp_path / place, *on_board(place, 10)) for place in ("pi1", "pi2"))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    printed = capsys.readouterr()
    assert "is undecided: " in printed.err
    assert "Other places: pi1 before, pi2 after." in printed.out


def test_times_of_other_cores_are_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then, now = (
        store_with(tmp_path / folder, *on_cores(cores, 10)) for folder, cores in (("then", (0, 1)), ("now", (4, 5)))
    )
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    assert "is undecided: " in (said := capsys.readouterr().err)
    assert "on another machine or other cores" in said


def test_one_run_in_two_halves_says_that_the_machine_has_two_speeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed = Store(Path(results.__file__).parent / "measured" / "amd-epyc-2-cores").read_kind(Round)
    halves = [
        store_with(tmp_path / name, *(each for each in committed if each.index in indices))
        for name, indices in (("first", range(10)), ("second", range(10, 20)))
    ]
    for before, after in (halves, reversed(halves)):
        assert diff(before, after, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
        printed = capsys.readouterr()
        assert "0 pass, 0 fail, 4 undecided" in printed.out
        assert "bimodal, rounds-disagree" in printed.out
        assert "warning: bimodal: " in printed.err
        assert "warning: rounds-disagree: " in printed.err


def test_what_cannot_be_told_is_said_with_what_would_tell_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [10.0, 10.4, 10.2]
    then = store_with(tmp_path / "then", *(make_round([ms], index=i) for i, ms in enumerate(few)))
    now = store_with(tmp_path / "now", *(make_round([ms * 1.03], index=i) for i, ms in enumerate(few)))
    assert diff(then, now, fail_if_slower=0.05) is ExitCode.CHECK_FAILED
    assert re.search(
        r"error: efficientmod_xxs is undecided: it takes 0\.985 to 1\.077 times as long, and the limit, 1\.050, "
        r"lies in between; about \d more rounds in each store \(--rounds \d+\) would decide",
        capsys.readouterr().err,
    )
    assert diff(then, now, fail_if_slower=0.05, undecided_pass=True) is ExitCode.OK
    assert "warning: efficientmod_xxs is undecided: " in capsys.readouterr().err


def test_what_only_one_of_them_has_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then, now = (
        store_with(tmp_path / folder, *ROUNDS, make_round(artifact=timed_artifact(name)))
        for folder, name in (("then", "resnet18"), ("now", "deit_tiny"))
    )
    assert diff(then, now) is ExitCode.OK
    assert capsys.readouterr().err.splitlines() == [f"Only in {then}: resnet18", f"Only in {now}: deit_tiny"]
    with pytest.raises(TargetError, match="have no row in common"):
        diff(then, store_with(tmp_path / "other", make_round(artifact=timed_artifact("deit_tiny"))))
