"""How long `effmod --help` and `effmod list` take, as whole processes: the median of 20, after a warm-up.

Run it with `make check-start`. It prints figures and judges nothing: the machine may be busy.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median

from effmod_bench.instrument.clock import time_once
from tests.benchmarks.figures import asked_for_csv, write_figures

_RUNS = 20
_LIMIT_S = 0.3


def main() -> None:
    keep = asked_for_csv(__doc__)
    rows = []
    effmod = Path(sys.executable).with_name("effmod")
    commands = {"python -c pass": [sys.executable, "-c", "pass"]} | {
        f"effmod {arguments}": [str(effmod), *arguments.split()] for arguments in ("--help", "list", "--version")
    }
    for label, command in commands.items():
        times = [_seconds(command) for _ in range(_RUNS + 1)][1:]
        print(f"{label:16} median {median(times):.3f} s, {min(times):.3f} to {max(times):.3f} (limit {_LIMIT_S} s)")
        figures = {"median_s": median(times), "least_s": min(times), "most_s": max(times)}
        rows.append({"command": label, **{name: f"{seconds:.4f}" for name, seconds in figures.items()}})
    if keep:
        write_figures(__file__, rows)


def _seconds(command: list[str]) -> float:
    _, duration_ns = time_once(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    return duration_ns / 1e9


if __name__ == "__main__":
    main()
