"""`--on`, and `effmod board setup`, as a user enters them."""

import csv
import io
import re
from pathlib import Path

import pytest

from effmod_bench.errors import ExitCode
from effmod_bench.runs.plan import RunPlan
from results import ComparisonProcess, Outcome, Round, Store
from tests.effmod_bench.fleet.support import USER, Keys, SshBoard
from tests.effmod_bench.support import effmod
from tests.fakes import write_onnx

FEW = ("--runs", "4", "--rounds", "2", "--warmup", "1", "--threads", "1", "--store", "records")


@pytest.fixture(autouse=True)
def _files() -> None:
    write_onnx(Path("a.onnx"))
    write_onnx(Path("b.onnx"), nodes=30)


def at(board: SshBoard) -> str:
    return f"ssh://{USER}@127.0.0.1:{board.port}"


def test_a_target_is_measured_on_each_board_and_what_one_lacks_is_resumed(
    boards: tuple[SshBoard, SshBoard], new_board: SshBoard, ssh_keys: Keys
) -> None:
    ssh_keys.know(*boards)  # the third is not known yet
    on = f"{at(boards[0])},two={at(boards[1])},three={at(new_board)}"
    done = effmod("bench", "a.onnx", *FEW, "--on", on, "--output-format", "csv")
    assert done.exit_code == ExitCode.SOME_FAILED, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {(row["name"], row["place"], row["failures"]) for row in rows} == {
        ("a.onnx", place, "its host key is not one that known_hosts has for it" if place == "three" else "")
        for place in ("board 1", "two", "three")
    }
    store = Store(Path("records"))
    assert len(store.read_kind(Round)) == 2 * 2 + 1
    everything = "".join(path.read_text() for path in store.path.iterdir())
    assert "127.0.0.1" not in everything
    assert not re.search(rf"\b{USER}\b", everything)
    (run,) = store.read_kind(RunPlan)
    assert run.places == ("board 1", "two", "three")
    assert f"again: effmod bench --resume {run.id} --store records --on {on}" in done.stderr

    refused = effmod("bench", "--resume", "--store", "records")
    assert refused.exit_code == ExitCode.USAGE
    assert "measures on board 1, two, three" in refused.stderr
    assert "say where these are by --on ssh://...,two=ssh://...,three=ssh://..." in refused.stderr

    ssh_keys.know(*boards, new_board)
    before = {record.id for record in store.read_kind(Round)}
    again = effmod("bench", "--resume", "--store", "records", "--on", on)
    assert again.exit_code == ExitCode.OK, again.output
    assert "2 of 6 rounds to do" in again.stderr
    added = [record for record in store.read_kind(Round) if record.id not in before]
    assert {record.environment.place for record in added} == {"three"}
    assert sorted((record.index, record.attempt, record.outcome) for record in added) == [
        (0, 1, Outcome.OK),
        (1, 0, Outcome.OK),
    ]


def test_two_files_are_compared_on_each_board_and_a_gate_is_judged_on_each(boards: tuple[SshBoard, SshBoard]) -> None:
    few = ("--processes", "2", "--blocks", "3", "--warmup", "1", "--threads", "1", "--store", "records")
    on = f"one={at(boards[0])},two={at(boards[1])}"
    done = effmod("compare", "a.onnx", "b.onnx", *few, "--on", on, "--fail-if-slower", "9900%")
    assert {
        (record.environment.place, record.outcome) for record in Store(Path("records")).records(ComparisonProcess)
    } == {
        ("one", Outcome.OK),
        ("two", Outcome.OK),
    }, done.output
    assert done.exit_code == ExitCode.OK
    failing = effmod("compare", "a.onnx", "b.onnx", *few, "--on", on, "--fail-if-slower", "0%")
    assert failing.exit_code == ExitCode.CHECK_FAILED
    assert "error: b.onnx on one" in failing.stderr
    assert "error: b.onnx on two" in failing.stderr


def test_a_board_is_made_ready_ahead(new_board: SshBoard) -> None:
    done = effmod("board", "setup", at(new_board))
    assert done.exit_code == ExitCode.OK, done.output
    assert re.match(r"board 1: ready; .*\d+ cores?, .*GiB, Linux .*onnxruntime", done.stdout)
    assert "bringing" in done.stderr
    again = effmod("board", "setup", at(new_board))
    assert "bringing" not in again.stderr


def test_where_no_board_can_be_used_nothing_begins(boards: tuple[SshBoard, SshBoard], ssh_keys: Keys) -> None:
    ssh_keys.known_hosts.unlink()
    done = effmod("bench", "a.onnx", *FEW, "--on", at(boards[0]))
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "error: no board can be used: board 1: its host key is not one that known_hosts has for it" in done.stderr
    assert Store(Path("records")).read_kind(Round) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-d", "cuda"), "boards run ONNX Runtime on their CPU, not onnxruntime on cuda"),
        (("--runtime", "pytorch"), "boards run ONNX Runtime on their CPU, not pytorch on cpu"),
        (("--feed", "x=cat.png"), "cat.png cannot be fed on a board"),
    ],
)
def test_what_a_board_cannot_do_is_said_first(arguments: tuple[str, ...], said: str) -> None:
    done = effmod("bench", "a.onnx", *FEW, "--on", "ssh://nowhere", *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr


def test_a_run_of_this_machine_goes_on_here() -> None:
    effmod("bench", "a.onnx", *FEW)
    done = effmod("bench", "--resume", "--store", "records", "--on", "ssh://nowhere")
    assert done.exit_code == ExitCode.USAGE
    assert "was begun on this machine, not on board 1; leave --on out" in done.stderr
