"""Boards: what a run asks of them, and made ready ahead of one."""

import importlib.util
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from effmod_bench.errors import DeviceUnavailableError, ExitCode, TargetError
from effmod_bench.fleet.address import Address, parse_addresses
from effmod_bench.instrument.place import Place
from effmod_bench.packages import install_line
from effmod_bench.runs.places import opened
from effmod_bench.runs.plan import RunPlan
from effmod_bench.screen.console import Console
from exporters.feeds.words import IMAGES
from results import Device, Machine, Runtime
from results.tables.words import counted


def boards_of(on: str) -> tuple[Address, ...]:
    """The boards that `--on` names.

    Raises:
        TargetError: it names none.
        DeviceUnavailableError: what reaches boards is not installed.
    """
    found = parse_addresses(on)
    if importlib.util.find_spec("asyncssh") is None:
        raise DeviceUnavailableError(
            f"--on reaches boards by asyncssh, which is not installed; install it with: "
            f"{install_line('effmod-bench[ssh]')}"
        )
    return found


def check_boards(run: RunPlan, boards: Sequence[Address], *, some: bool = False) -> None:
    """Refuse what a board cannot run, and other boards than those that a run began with.

    Args:
        some: they may be some of those that are named.

    Raises:
        TargetError: that was asked for.
    """
    names = tuple(board.name for board in boards)
    if not (run.places and set(run.places) <= set(names) if some else names == run.places):
        if not run.places:
            raise TargetError(f"run {run.id} was begun on this machine, not on {names[0]}; leave --on out")
        named = ", ".join(run.places)
        raise TargetError(
            f"run {run.id} measures on {named}, and its records name no host: say where these are by --on "
            f"{addresses_again(run)}"
        )
    plan = run.plan
    for options in run.every_options:
        if plan.device is not Device.CPU or options.runtime is not Runtime.ONNXRUNTIME:
            raise TargetError(f"boards run ONNX Runtime on their CPU, not {options.runtime} on {plan.device}")
    pictures = [file for file in run.given.files() if file.suffix.lower() in IMAGES]
    if pictures:
        raise TargetError(f"{pictures[0]} cannot be fed on a board, which reads no image files; save it as .npy")


def addresses_again(run: RunPlan) -> str:
    """What `--on` was like when a run on boards was begun."""
    return ",".join(f"{name}=ssh://..." if not name.startswith("board ") else "ssh://..." for name in run.places)


@contextmanager
def at_boards(
    console: Console, boards: Sequence[Address], *, wait: bool, same_versions: bool = False
) -> Iterator[tuple[Place, ...]]:
    """Boards, each reached, supplied and locked until the block ends. One that cannot be used stays, lost.

    Raises:
        DeviceUnavailableError: none of them can be used, or their software differs.
    """
    from effmod_bench.fleet.board import Board

    token = secrets.token_hex(8)
    places = tuple(Board(board, token=token, wait=wait, say=console.note) for board in boards)
    with opened(console, places, what="board", same_versions=same_versions):
        yield places


def set_up(console: Console, on: str) -> ExitCode:
    """Bring each board what it lacks, and say what was done and what it is.

    Raises:
        TargetError: there is no such address.
        DeviceUnavailableError: what reaches boards is not installed, or no board can be used.
    """
    with at_boards(console, boards_of(on), wait=True) as places:
        for place in places:
            if place.lost is None:
                console.print(f"{place.name}: ready; {_in_words(place.machine)}")
        lost = any(place.lost is not None for place in places)
    return ExitCode.SOME_FAILED if lost else ExitCode.OK


def _in_words(machine: Machine) -> str:
    facts = (
        machine.cpu_model or machine.architecture,
        counted(machine.available_cores, "core"),
        f"{machine.memory_bytes / 2**30:.1f} GiB",
        machine.os,
        f"governor {machine.governor}" if machine.governor else None,
        *(f"{name} {version}" for name, version in machine.versions.items()),
    )
    return ", ".join(filter(None, facts))
