"""Work that is done apart from the command: in a process of its own, that is kept for what comes after."""

import atexit
from collections.abc import Callable
from typing import TypeVar

from effmod_bench.isolation.process import Step, WorkProcess
from exporters.stage import Stage

T = TypeVar("T")


class _State:
    """Of this command: the process, where there is one."""

    process: WorkProcess | None = None


def apart(
    work: Callable[[], T], *, what: str, stage: Stage = Stage.MAKING, sweep: Callable[[], None] = lambda: None
) -> T:
    """Do something that a user's file or function has a hand in; whatever it does, this process goes on.

    Args:
        work: a function of a module, with its arguments, as `functools.partial` binds them: these and its result are
            pickled. A console among them is a `Reporter` there.
        what: is worked on, as the user knows it.
        stage: of the work at its beginning.
        sweep: takes away what it may have left unfinished where it is cut short.

    Raises:
        UnfinishedError: it crashed, or a step took longer than the limit.
        UnfinishedProofError: and it was being proved.
        KeyboardInterrupt: the user interrupts.
        Exception: what the work raises.
    """
    process = _process()
    try:
        return process.do(work, Step(what, stage))
    finally:
        if not process.is_there:
            _State.process = None
            sweep()


def end() -> None:
    """End the process, so that nothing of it disturbs what is measured."""
    if _State.process is not None:
        _State.process.end()
        _State.process = None


def _process() -> WorkProcess:
    if _State.process is not None and not _State.process.is_there:
        end()
    if _State.process is None:
        _State.process = WorkProcess()
        atexit.register(end)
    return _State.process
