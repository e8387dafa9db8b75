import importlib.util
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from effmod_bench.errors import DeviceUnavailableError, ExitCode
from effmod_bench.instrument.place import Here
from effmod_bench.runs.places import Shares, everywhere, opened
from effmod_bench.screen.console import Console
from tests.effmod_bench.instrument.support import Watcher
from tests.effmod_bench.support import effmod
from tests.fakes import MACHINE, write_onnx


class Elsewhere(Here):
    """A place whose work goes on until it is closed."""

    def __init__(self, name: str) -> None:
        super().__init__(MACHINE)
        self.name = name
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_what_fails_at_one_place_ends_what_goes_on_at_the_others() -> None:
    places = [Elsewhere("one"), Elsewhere("two")]

    def work(place: Any) -> None:
        if place.name == "one":
            raise ZeroDivisionError
        assert place.closed.wait(30)

    with pytest.raises(ZeroDivisionError):
        everywhere(places, work)
    assert all(place.closed.is_set() for place in places)


class Taken(Elsewhere):
    """A place whose turn is its name, and that takes as long as the next one would need to be taken at once."""

    order: ClassVar[list[str]] = []

    @property
    def turn(self) -> str:
        return str(self.name)

    def open(self) -> None:
        self.order.append(f"{self.name} asked")
        time.sleep(0.05)
        self.order.append(f"{self.name} had")


def test_places_are_taken_one_after_the_other_in_the_same_order_by_every_run() -> None:
    """Two runs that took them at once could each hold what the other one waits for."""
    for names in (("one", "two"), ("two", "one")):
        Taken.order.clear()
        places = [Taken(name) for name in names]
        with opened(Console(-1), places, what="board"):
            assert Taken.order == ["one asked", "one had", "two asked", "two had"]
            assert [place.name for place in places] == list(names)


def test_versions_that_differ_are_said_and_with_same_versions_refused_before_anything_is_timed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, two, gone = places = [Taken("one"), Taken("two"), Taken("gone")]
    two.machine = msgspec.structs.replace(MACHINE, versions=MACHINE.versions | {"numpy": "9"})
    gone.machine, gone.lost = msgspec.structs.replace(MACHINE, versions={}), "it is off"  # whose versions nobody knows
    with opened(Console(), places, what="board"):
        assert capsys.readouterr().err == (
            "warning: versions differ, which --same-versions would refuse: numpy: none on one; 9 on two\n"
        )
    with (
        pytest.raises(DeviceUnavailableError, match="--same-versions was asked for: numpy: none on one; 9 on two; "),
        opened(Console(), places, what="board", same_versions=True),
    ):
        raise AssertionError("something was timed")
    assert one.closed.is_set()
    assert two.closed.is_set()
    two.machine = one.machine
    with opened(Console(), places, what="board", same_versions=True):
        assert capsys.readouterr().err == ""


def test_one_place_is_worked_at_in_this_thread() -> None:
    """A process that is started for it ends with the thread that started it."""
    seen: list[threading.Thread] = []
    everywhere([Here(MACHINE)], lambda _: seen.append(threading.current_thread()))
    assert seen == [threading.current_thread()]


def test_the_progress_of_all_places_is_one() -> None:
    watcher = Watcher()
    shares = Shares(watcher)
    one, two = shares.of(Elsewhere("one")), shares.of(Elsewhere("two"))
    one.show("a.onnx", 1.5, 4, 10.0)
    two.show("b.onnx", 0.0, 4, None)
    two.show("b.onnx", 2.0, 4, 30.0)
    shares.of(Here(MACHINE)).show("c.onnx", 0.0, 1, 0.0)
    assert watcher.shown == [
        ("one: a.onnx", 1.5, 4, 10.0),
        ("two: b.onnx", 1.5, 8, None),
        ("two: b.onnx", 3.5, 8, 30.0),
        ("c.onnx", 3.5, 9, 30.0),
    ]


def test_without_what_reaches_boards_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "asyncssh" else find_spec(name, *rest)
    )
    write_onnx(Path("a.onnx"))
    for command in (("bench", "a.onnx", "--on", "ssh://board1"), ("board", "setup", "ssh://board1")):
        done = effmod(*command)
        assert done.exit_code == ExitCode.UNAVAILABLE
        assert "asyncssh, which is not installed; install it with: " in done.stderr
        assert "install 'effmod-bench[ssh]'" in done.stderr


def test_without_ray_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find_spec(name, *rest)
    )
    write_onnx(Path("a.onnx"))
    done = effmod("bench", "a.onnx", "--on", "ray://head:10001")
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "ray:// is reached by Ray, which is not installed; install it with: " in done.stderr
    assert "install 'effmod-bench[cluster]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--nodes", "2"), "--nodes is of a cluster: add --on ray://auto"),
        (("--on", "ssh://pi", "--accelerator", "T4"), "--accelerator is of a cluster"),
        (("--same-versions",), "--same-versions is of several machines"),
        (("--on", "ray://a:1,ray://b:1"), "one cluster at a time"),
        (("--on", "ray://head:10001", "--accelerator", "A100,"), "--accelerator 'A100,': write A100, or LABEL=VALUE"),
        (("--on", "ray://head:10001", "--accelerator", "T4,gpu=T4"), "names 'T4' twice"),
        (("--on", "ray://head:10001", "-d", "coreml"), "have no Core ML"),
    ],
)
def test_what_makes_no_sense_elsewhere_is_said_first(arguments: tuple[str, ...], said: str) -> None:
    write_onnx(Path("a.onnx"))
    done = effmod("bench", "efficientmod_xxs" if "coreml" in arguments else "a.onnx", *arguments)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert said in done.stderr


def test_nobody_who_names_no_board_waits_for_what_reaches_them() -> None:
    write_onnx(Path("a.onnx"))
    program = (
        "import sys\nfrom effmod_bench.cli import app\n"
        "app(['bench', 'a.onnx', '--runs', '1', '--rounds', '1', '--warmup', '0', '--threads', '1'], "
        "standalone_mode=False)\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "effmod_bench.instrument.place" in loaded
    assert "asyncssh" not in loaded
    assert "asyncio" not in loaded
    assert "ray" not in loaded
