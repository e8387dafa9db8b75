"""A stranger's code, run within bounds: a network's file of the user's own, or a plug-in."""

import functools
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.zoo.output import prints_to_standard_error
from models.zoo.patches import Surface

_SHOWN = 3


class _State:
    """What a stranger's code draws its random numbers from."""

    seed = 0


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let strangers' code draw from another seed meanwhile: training begins with other weights for each."""
    before, _State.seed = _State.seed, seed
    try:
        yield
    finally:
        _State.seed = before


@contextmanager
def guarded(who: str, error: type[Exception]) -> Iterator[None]:
    """Let a stranger's code run, and leave this process as it was, whatever that code does to it.

    Its random numbers are the same each time, as far as random, numpy and torch draw them. What it prints goes to
    standard error. Settings that it changes (variables of the environment, torch's threads and default type, what
    signals do) hold for as long as it runs.

    Args:
        who: what it is called in a message.

    Raises:
        error: it changed the working folder, or replaced functions of torch or of effmod; that is undone.
    """
    folder, surface = _working_folder(), Surface()
    try:
        with prints_to_standard_error(), _settings_kept():
            _seed()
            yield
    finally:
        moved_to, replaced = _return_to(folder), surface.put_back()
    if moved_to is not None:
        raise error(
            f"{who} changed the working folder from {folder} to {moved_to}, and all paths of this command with it; it "
            "was put back. Let it open files by their place, as in Path(__file__).parent"
        )
    if replaced:
        more = f" and {len(replaced) - _SHOWN} more" if len(replaced) > _SHOWN else ""
        raise error(
            f"{who} replaced {', '.join(replaced[:_SHOWN])}{more}, which other networks and effmod itself compute "
            "with; it was put back. Write a layer or a function of its own in the place of that"
        )


def in_words(error: BaseException) -> str:
    """What a stranger's code raised."""
    if isinstance(error, SystemExit):
        return f"it ended the program, by sys.exit({'' if error.code is None else repr(error.code)})"
    return f"{type(error).__name__}: {error}"


def _working_folder() -> str | None:
    with suppress(OSError):  # somebody has deleted it
        return str(Path.cwd())
    return None


def _return_to(folder: str | None) -> str | None:
    """Undo a change of the working folder; returns where it was, None where it was not changed."""
    now = _working_folder()
    if folder is None or now == folder:
        return None
    with suppress(OSError):  # somebody has deleted it
        os.chdir(folder)
    return now or "a folder that is gone"


@contextmanager
def _settings_kept() -> Iterator[None]:
    settings = [(put, read()) for read, put in _settings()]
    handlers = {number: signal.getsignal(number) for number in _signals()}
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for put, before in settings:
            put(before)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _settings() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """How each is read, and how it is set; of torch and numpy where they are loaded."""
    yield lambda: dict(os.environ), _put_environment
    yield lambda: list(sys.path), lambda before: sys.path.__setitem__(slice(None), before)
    yield lambda: sys.excepthook, lambda before: setattr(sys, "excepthook", before)
    yield random.getstate, random.setstate
    if numpy := sys.modules.get("numpy"):
        yield numpy.random.get_state, numpy.random.set_state
    if torch := sys.modules.get("torch"):
        yield torch.get_rng_state, torch.set_rng_state
        plain = {
            torch.get_default_device: lambda _: torch.set_default_device(None),
            torch.get_default_dtype: torch.set_default_dtype,
            torch.get_num_threads: torch.set_num_threads,
            torch.is_grad_enabled: torch.set_grad_enabled,
            torch.are_deterministic_algorithms_enabled: torch.use_deterministic_algorithms,
        }
        for read, put in plain.items():
            yield read, functools.partial(_put_if_changed, read, put)


def _put_if_changed(read: Callable[[], Any], put: Callable[[Any], Any], before: Any) -> None:
    if read() != before:  # to set what is set already may cost torch seconds
        put(before)


def _put_environment(before: dict[str, str]) -> None:
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


def _signals() -> list[signal.Signals]:
    """Those that end effmod in good order; only the first thread may set them."""
    if threading.current_thread() is not threading.main_thread():
        return []
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _seed() -> None:
    random.seed(_State.seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(_State.seed)
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(_State.seed)  # torch.manual_seed takes seconds, the first time
