import os
import re
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from effmod_bench.fleet import supply
from effmod_bench.fleet.address import Address
from effmod_bench.fleet.errors import LineCutError
from effmod_bench.fleet.messages import Watched as Answer
from effmod_bench.fleet.parcel import parcel
from effmod_bench.fleet.supplies import _archive
from effmod_bench.instrument import rounds
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.process.messages import Broken
from effmod_bench.instrument.schedule import Turn
from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.subjects import file_subject
from exporters.feeds.given import Given
from results import BenchPlan, Outcome, Round, Store
from tests.effmod_bench.fleet.support import USER, Board, Keys, Line, SshBoard, Talk, conversation, new_key
from tests.effmod_bench.instrument.support import Watcher
from tests.fakes import make_round, write_onnx

OLD = """echo '{"version": [3, 9, 2], "implementation": "cpython", "system": "Linux", "machine": "aarch64", \
"libc": "2.31", "bits": 64, "executable": "/usr/bin/python3"}'"""
# Of this process: what another one with the same token left on the machine, such as another worker's, would be ended.
TOKEN = os.urandom(5).hex()
PLAN = BenchPlan(runs=4, rounds=1, warmup_runs=0, threads=1)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return file_subject(write_onnx(tmp_path / "a.onnx", nodes=100), {}, batch_size=1)


@pytest.fixture
def said() -> list[str]:
    """What the user is told."""
    return []


@contextmanager
def opened(board: SshBoard, said: list[str], *, wait: bool = True, name: str = "board 1") -> Iterator[Board]:
    address = Address(name=name, host="127.0.0.1", user=USER, port=board.port)
    place = Board(address, token=TOKEN, wait=wait, say=said.append)
    place.open()
    try:
        yield place
    finally:
        place.close()


def measure(place: Board, subject: Subject, folder: Path, *, plan: BenchPlan = PLAN) -> list[Round]:
    store = Store(folder / "records")
    store.check_writable()
    rounds.run("run", plan, [subject], place, store, Watcher(), on_record=lambda _: None)
    return sorted(store.read(), key=lambda record: (record.index, record.attempt))


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_round_on_a_board_is_a_record_of_the_board(
    boards: tuple[SshBoard, SshBoard], subject: Subject, said: list[str], tmp_path: Path
) -> None:
    with opened(boards[0], said) as place:
        assert place.lost is None, said
        (record,) = measure(place, subject, tmp_path)
        environment = record.environment
        assert record.outcome is Outcome.OK, record.failure
        assert len(record.durations_ns) == 4
        assert environment.place == "board 1"
        assert environment.session is not None
        assert environment.session.intra_op_num_threads == 1
        assert environment.conditions is not None
        assert environment.machine.versions["effmod-bench"]
        assert record.artifact == subject.artifact
        (stored,) = (tmp_path / "records").glob("*.json")
        assert "127.0.0.1" not in stored.read_text()
        assert USER not in stored.read_text().replace("radar", "")
        assert str(boards[0].home) not in stored.read_text()
        assert place.cores()
    assert within(10, lambda: not boards[0].processes()), "nothing stays there"


def test_what_was_brought_once_is_not_brought_again(
    boards: tuple[SshBoard, SshBoard], subject: Subject, said: list[str], tmp_path: Path
) -> None:
    with opened(boards[0], said) as place:
        measure(place, subject, tmp_path / "1")
    said.clear()
    with opened(boards[0], said) as place:
        measure(place, subject, tmp_path / "2")
    assert said == []


def test_a_file_that_is_fed_travels_with_the_artifact(
    boards: tuple[SshBoard, SshBoard], said: list[str], tmp_path: Path
) -> None:
    import numpy as np

    np.save(tmp_path / "x.npy", np.ones((1, 3, 8, 8), np.float32))
    path = write_onnx(tmp_path / "fed.onnx")
    subject = file_subject(path, {}, batch_size=1, given=Given(feed=(f"x={tmp_path / 'x.npy'}",)))
    with opened(boards[0], said) as place:
        (record,) = measure(place, subject, tmp_path)
    assert record.outcome is Outcome.OK, record.failure


def test_a_connection_that_is_cut_in_the_midst_of_a_round_is_an_attempt_that_failed(
    boards: tuple[SshBoard, SshBoard],
    subject: Subject,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "TICK_S", 0.05)
    cuts = 0

    class Cutting(Watcher):
        def show(self, _: str, rounds_done: float, *__: object) -> None:
            nonlocal cuts
            if rounds_done > 1 and cuts == 0:  # within the second round: it is told of while that goes on
                cuts += 1
                boards[0].cut()

    store = Store(tmp_path / "records")
    store.check_writable()
    plan = msgspec.structs.replace(PLAN, runs=8, rounds=2)
    with opened(boards[0], said) as place:
        rounds.run("run", plan, [subject], place, store, Cutting(), on_record=lambda _: None)
    found = sorted(store.read(), key=lambda record: (record.index, record.attempt))
    assert [(record.index, record.attempt, record.failure) for record in found] == [
        (0, 0, None),
        (1, 0, "the connection to the board was cut during the round"),
        (1, 1, None),
    ]
    assert within(10, lambda: not boards[0].processes())


def test_a_board_that_is_gone_in_the_midst_of_a_run_is_lost(
    new_board: SshBoard, subject: Subject, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "TICK_S", 0.05)
    with opened(new_board, said) as place:
        measure(place, subject, tmp_path / "before")
        new_board.stop()
        found = measure(place, subject, tmp_path, plan=msgspec.structs.replace(PLAN, runs=8, rounds=2))
    assert [(record.index, record.attempt) for record in found] == [(0, 0), (0, 1)]
    assert found[0].failure == "the connection to the board was cut during the round"
    assert found[1].failure is not None
    assert "the board was lost: it cannot be reached" in found[1].failure
    assert "127.0.0.1" not in found[1].failure


def test_what_times_there_and_is_killed_is_an_attempt_that_failed(
    boards: tuple[SshBoard, SshBoard], subject: Subject, said: list[str], tmp_path: Path
) -> None:
    """As the system does where memory is short."""
    with opened(boards[0], said) as place:
        measure(place, subject, tmp_path / "before")
        (pid,) = (pid for pid, command in boards[0].processes().items() if "fleet.outpost" in command)
        os.kill(pid, signal.SIGKILL)
        first, second = measure(place, subject, tmp_path)
    assert first.failure is not None
    assert re.fullmatch(r"what times on the board ended \(.*\) during the round", first.failure)
    assert second.outcome is Outcome.OK, second.failure


def test_bytes_that_change_on_the_way_are_sent_again(
    boards: tuple[SshBoard, SshBoard],
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = file_subject(write_onnx(tmp_path / "spoilt.onnx", nodes=7), {}, batch_size=1)
    send_file, sent = Talk.send_file, 0

    def spoil(talk: Talk, path: Path) -> None:
        nonlocal sent
        sent += 1
        if sent == 1:
            talk.send(bytes(path.stat().st_size))
        else:
            send_file(talk, path)

    monkeypatch.setattr(Talk, "send_file", spoil)
    with opened(boards[0], said) as place:
        first, second = measure(place, subject, tmp_path)
    assert first.failure is not None
    assert first.failure.startswith("spoilt.onnx arrived as another file (sha256 ")
    assert second.outcome is Outcome.OK, second.failure


def test_a_file_that_has_changed_on_the_board_is_brought_again(
    boards: tuple[SshBoard, SshBoard], subject: Subject, said: list[str], tmp_path: Path
) -> None:
    with opened(boards[0], said) as place:
        measure(place, subject, tmp_path / "1")
    (there,) = boards[0].home.rglob(f"{parcel(subject).folder}/a.onnx")
    there.write_bytes(bytes(there.stat().st_size))
    with opened(boards[0], said) as place:
        (record,) = measure(place, subject, tmp_path / "2")
        there.write_bytes(b"another one")
        (refused,) = measure(place, subject, tmp_path / "3")
    assert record.outcome is Outcome.OK, record.failure
    assert refused.failure == "a.onnx was changed or deleted during the run"


def test_a_disk_that_is_full_is_said_with_what_is_free(
    boards: tuple[SshBoard, SshBoard], said: list[str], tmp_path: Path
) -> None:
    large = file_subject(write_onnx(tmp_path / "large.onnx", nodes=1000), {}, batch_size=1)
    with opened(boards[0], said) as place:
        pass
    boards[0].before = "ulimit -f 8"  # as a full disk, a limit on what is written takes no more
    with opened(boards[0], said) as place:
        (record,) = measure(place, large, tmp_path)
    assert record.failure is not None
    assert "large.onnx" in record.failure
    assert "cannot be kept on the board: File too large" in record.failure
    assert "free some space there" in record.failure
    assert place.lost is None


def test_a_board_without_room_for_the_packages_is_lost(
    new_board: SshBoard, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends while they are sent, and there are more of them than are on their way at once."""
    packages = tmp_path / "packages.zip"
    with zipfile.ZipFile(packages, "w") as archive:
        archive.writestr("large", bytes(20_000_000))
    monkeypatch.setattr(supply, "packages_for", lambda _: _archive(packages))
    new_board.before = "ulimit -f 8"
    with opened(new_board, said) as place:
        assert place.lost is not None
    why = "what effmod needs cannot be kept there, in ~/.cache/effmod: File too large"
    assert re.fullmatch(rf"{why} \([\d.]+ MB are free there, and it takes about 4\d MB\)", place.lost)
    assert not list((new_board.home / ".cache/effmod/board").glob("effmod-*"))


@pytest.mark.parametrize(
    ("supplying", "timing", "reason"),
    [
        ("echo Killed >&2", "true", "what is to make it ready ended there (Killed)"),
        (
            'printf \'{}\\n{"python": "PYTHON"}\\n\'',
            "echo Killed >&2",
            "what times on the board ended (Killed) before anything could be timed",
        ),
    ],
)
def test_a_program_that_ends_on_a_board_is_not_a_line_that_was_cut(
    supplying: str, timing: str, reason: str, new_board: SshBoard, said: list[str]
) -> None:
    python = str(new_board.home / "bin" / "python3")
    facts = OLD.replace("[3, 9, 2]", "[3, 11, 2]").replace("/usr/bin/python3", python)
    # Each stays until it has been told what it is told: asyncssh's server hangs up on who speaks to one that ended.
    programs = supplying.replace("PYTHON", python), timing
    first, second = (f"echo --effmod--; {each}; /bin/sleep 0.5" for each in programs)
    new_board.give_python(
        f'case "$2$3" in -cimport\\ json*) {facts} ;; -cimport\\ sys*) {first} ;; *) {second} ;; esac'
    )
    with opened(new_board, said) as place:
        assert place.lost == reason


def test_a_line_that_is_cut_before_a_program_is_started_is_no_setting_of_the_board(new_board: SshBoard) -> None:
    line = Line(Address(name="board 1", host="127.0.0.1", user=USER, port=new_board.port))
    line.close()
    with pytest.raises(LineCutError, match="SSH connection closed"):
        line.run("true")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "it has no python3; install Python 3.11 or newer there (apt install python3)"),
        (
            OLD,
            "its python3 is 3.9.2, and numpy and onnxruntime need 3.11 or newer; install one beside it, as python3.11",
        ),
    ],
)
def test_a_board_whose_python_will_not_do_is_a_row_that_says_so(
    code: str | None, reason: str, new_board: SshBoard, subject: Subject, said: list[str], tmp_path: Path
) -> None:
    new_board.give_python(code)
    with opened(new_board, said) as place:
        (record,) = measure(place, subject, tmp_path)
    assert record.failure == reason
    assert not record.environment.machine.is_seen
    assert record.environment.place == "board 1"


@pytest.mark.parametrize(
    ("supplied", "timed"),
    [
        ("{oops", ""),
        ("{}\\n{}", ""),
        ("[1]", ""),
        ('{"lacking": 5}', ""),
        ('{}\\n{"python": "PYTHON"}', r"\377\377\377\377\377\377\377\377"),
        ('{}\\n{"python": "PYTHON"}', r"\0\0\0\0\0\0\0\2{}"),
        ('{}\\n{"python": "PYTHON"}', r"\0\0\0\0\0\0\0\044" + '{"type": "Brought", "path": "/root"}'),
    ],
)
def test_a_board_that_answers_something_else_is_a_row_that_says_so(
    supplied: str, timed: str, new_board: SshBoard, subject: Subject, said: list[str], tmp_path: Path
) -> None:
    """Whatever it is that calls itself python3 there."""
    python = str(new_board.home / "bin" / "python3")
    facts = OLD.replace("[3, 9, 2]", "[3, 11, 2]").replace("/usr/bin/python3", python)
    answers = (
        f"echo --effmod--; printf '{each}\\n'; exec /bin/cat >/dev/null"
        for each in (supplied.replace("PYTHON", python), timed)
    )
    new_board.give_python(
        'case "$2$3" in -cimport\\ json*) {} ;; -cimport\\ sys*) {} ;; *) {} ;; esac'.format(facts, *answers)
    )
    with opened(new_board, said) as place:
        (record,) = measure(place, subject, tmp_path)
    assert record.failure == place.lost == "it answers what effmod does not understand"
    assert "it said '" in said[0]


@pytest.mark.parametrize("answer", ["a.onnx on board1 of Ada, in /home/ada/models", "BOARD1: ada"])
def test_what_a_board_says_of_a_round_that_failed_names_no_host_and_no_user(
    answer: str, boards: tuple[SshBoard, SshBoard], said: list[str]
) -> None:
    address = Address(name="board 1", host="Board1", user="ada", port=boards[0].port)
    place = Board(address, token=TOKEN, wait=True, say=said.append)
    environment = make_round().environment
    heard = Answer(outcome=Broken(reason=answer, detail=""), environment=environment, disturbed=False)
    outcome = place.at_home(heard, "2026-01-01T00:00:00.000+00:00").outcome
    assert isinstance(outcome, Broken)
    assert "..." in outcome.reason
    assert "board1" not in outcome.reason.lower()
    assert "ada" not in outcome.reason.lower()


def test_a_host_key_that_is_another_one_is_never_accepted(
    boards: tuple[SshBoard, SshBoard], ssh_keys: Keys, said: list[str]
) -> None:
    other = (ssh_keys.home / ".ssh" / "id_ed25519.pub").with_name("other")
    key = new_key().export_public_key().decode()
    for known in (key, None):
        if known is None:
            ssh_keys.known_hosts.unlink()
        else:
            ssh_keys.know(*boards, key=known)
        said.clear()
        with opened(boards[0], said) as place:
            assert place.lost == "its host key is not one that known_hosts has for it"
        assert len(said) == 1
        assert "look at the key on the board itself" in said[0]
    assert not other.exists()


def test_a_user_without_a_key_is_told_what_to_do(
    boards: tuple[SshBoard, SshBoard], ssh_keys: Keys, said: list[str]
) -> None:
    allowed = ssh_keys.authorized.read_text()
    key = ssh_keys.home / ".ssh" / "id_ed25519"
    aside = key.rename(key.with_name("aside"))
    try:
        with opened(boards[0], said) as place:
            assert place.lost == "it lets nobody in by the keys that there are"
    finally:
        aside.rename(key)
    assert allowed
    assert "ssh-copy-id" in said[0]


def test_somebody_who_measures_there_is_waited_for_or_not(
    boards: tuple[SshBoard, SshBoard], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFFMOD_LOCK", str(boards[0].lock))
    with measuring_alone(wait=False, on_wait=said.append), opened(boards[0], said, wait=False) as place:
        assert place.lost is not None
        assert "another effmod measures on this machine" in place.lost


def test_what_the_same_command_left_behind_there_is_ended(
    boards: tuple[SshBoard, SshBoard], said: list[str], subject: Subject, tmp_path: Path
) -> None:
    """Where a line is cut and the board has not noticed, its lock is still held."""
    with opened(boards[0], said), opened(boards[0], said, wait=False) as again:
        (record,) = measure(again, subject, tmp_path)
    assert record.outcome is Outcome.OK, record.failure


def test_a_machine_that_is_named_twice_is_one_of_them_alone(boards: tuple[SshBoard, SshBoard], said: list[str]) -> None:
    with opened(boards[0], said) as first, opened(boards[0], said, name="two") as second:
        assert [first.lost, second.lost] == [None, "it is the machine that is 'board 1', too; name it once"]


def test_progress_is_told_while_a_round_goes_on(
    boards: tuple[SshBoard, SshBoard], subject: Subject, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "TICK_S", 0.05)
    ticks: list[float] = []
    with opened(boards[0], said) as place:
        job: Any = rounds._job(subject, Turn(subject=0, index=0, runs=2, plan=PLAN), place)
        place.time(job, [subject], on_warm=lambda _: None, tick=ticks.append, timeout_s=None)
    assert ticks == sorted(ticks)
    assert ticks
