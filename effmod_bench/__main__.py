"""The `effmod` command."""

import importlib.util
import signal
import sys
from pathlib import Path


def main() -> None:
    """Run the command line."""
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
