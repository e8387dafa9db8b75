"""The `effmod` command."""

import importlib.util
import signal
import sys
from pathlib import Path

from effmod_bench import packages, streams


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except KeyboardInterrupt:  # at any time, before the command begins, too
        sys.exit(130)


def _run() -> None:
    streams.prepare()
    stranger = find_stranger()
    if stranger:
        _say(stranger)
        sys.exit(2)
    try:
        from effmod_bench.cli import app
        from effmod_bench.errors import exit_code
    except ImportError as error:
        lacking = packages.explain(error)
        if lacking is None:
            raise
        _say(lacking)
        sys.exit(3)
    try:
        streams.check()
        _listen()
        try:
            app(prog_name="effmod")
        finally:
            streams.finish()
    except streams.PrintError as error:
        streams.give_up()
        if not isinstance(error, streams.ReaderGoneError):
            _say(str(error))
        sys.exit(exit_code(error))


def _say(error: str) -> None:
    seen = error if error.isprintable() else ascii(error)[1:-1]
    print(f"error: {seen}", file=sys.stderr)  # noqa: T201 - the console is one of the packages


def _listen() -> None:
    """Hear whoever ends this process, unless it was started not to: `nohup` and shells have it ignore signals.

    SIGINT needs none of this: Python hears it, and where it is ignored leaves it so. The end of a child says nothing to
    this process, but where it was to be ignored, nobody hears how a child ended, and some libraries wait for ever.
    """
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    """End as Ctrl-C does: the worker goes, and what is finished is shown."""
    raise KeyboardInterrupt


def find_stranger() -> str | None:
    """What to say where one of effmod's packages would be imported from somewhere else, None where all is well.

    `models`, `exporters` and `results` are common names: a folder on PYTHONPATH may have one of its own.
    """
    home = Path(__file__).resolve().parent.parent
    for name in ("models", "exporters", "results"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin != home / name / "__init__.py":
            found = origin or "nowhere"
            return (
                f"effmod's package '{name}' would be imported from {found}, not from {home}; "
                "unset PYTHONPATH, or install effmod in an environment of its own"
            )
    return None


if __name__ == "__main__":
    main()
