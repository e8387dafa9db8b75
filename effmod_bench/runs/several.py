"""One thing after the other, where a failure of one does not stop the others."""

from collections.abc import Callable, Mapping

from effmod_bench.errors import ExitCode, exit_code
from effmod_bench.screen.console import Console

# What goes wrong with one network or file; a full disk or a missing converter goes wrong with all.
_OF_ONE = (ExitCode.USAGE, ExitCode.CHECK_FAILED)


def do_all(
    console: Console, work: Mapping[str, Callable[[], None]], failures: Mapping[str, Exception]
) -> dict[str, Exception]:
    """Do one thing after the other; returns the failures, with those that there are already.

    Raises:
        Exception: the only thing failed, or with it everything would.
    """
    failed = dict(failures)
    for name, do in work.items():
        try:
            do()
        except Exception as error:
            if len(work) + len(failures) == 1 or exit_code(error) not in _OF_ONE:
                raise
            console.warn(f"{name} failed; on to the next")
            failed[name] = error
    return failed


def say_failed(console: Console, failed: Mapping[str, Exception], count: int, what: str) -> ExitCode:
    """Name what failed, of so many; returns how the command ends."""
    if not failed:
        return ExitCode.OK
    console.error(f"{len(failed)} of {count} {what} failed:")
    for name, failure in failed.items():
        said = str(failure)
        console.error(said if said.startswith(name) else f"{name}: {said}")
    return ExitCode.SOME_FAILED
