"""The `effmod` command."""

import codecs
import importlib.util
import io
import signal
import sys
from pathlib import Path

# What tables mark things with, for where the output's encoding lacks it.
_PLAIN = str.maketrans("¹²³⁴⁵≈─…", "12345~-.")


def main() -> None:
    """Run the command line."""
    never_fail_to_print()
    try:
        stranger = find_stranger()
        if stranger:
            print(f"error: {stranger}", file=sys.stderr)  # noqa: T201 - the console is one of the packages
            sys.exit(2)
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _interrupt)
        from effmod_bench.cli import app

        app(prog_name="effmod")
    except KeyboardInterrupt:
        sys.exit(130)


def never_fail_to_print() -> None:
    """Write something plain where the encoding of the output lacks a character, as those of Windows do."""
    codecs.register_error("effmod", _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="effmod")


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", "replace").decode(), error.end


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
