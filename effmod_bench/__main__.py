"""The `effmod` command."""

import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Run the command line."""
    stranger = find_stranger()
    if stranger:
        sys.exit(f"error: {stranger}")
    from effmod_bench.cli import app

    app(prog_name="effmod")


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
