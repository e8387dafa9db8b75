"""What `effmod profile` costs its user, and whether what it tells adds up to the runtime's own total.

Run it with `make check-profile-cost` on a machine that does nothing else: a minute. It profiles a network of about ten
milliseconds as a user does, by each runtime that has a profiler and is installed, once its file is made and the
machine's roof is known; `--csv` keeps the rows in `tests/benchmarks/profile_cost.csv`. It ends with 1 where one took
60 s or more, where the operators of a run took longer than the runtime's own total of it, where that total is off by
more than 2 % from the clock around the same runs, or where what is told of operators and of what is between them is off
by more than 2 % from that total, of runs that nothing has made long.

Of a single run what is between operators is the total without them, so that the two add up by definition. What is told
of all runs does not: `off` is what was left out of operators as something else's doing and was the runtime's own. A
profiler that tells means alone, as OpenVINO's, leaves nothing out and tells no total, so that there is nothing to be
off: those cells are empty, and `fullest` is of the clock's total.

Seconds are those of a clock and, beside them, of the processors: where others work on the same core the first are more.
"""

import argparse
import csv
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from results import Profile, Store
from results.records.plan import Runtime
from results.statistics.profile import summarise_profiles, undisturbed

NETWORK, MOST_S, OFF = "efficientmod_xxs", 60.0, 0.02
_TABLE = Path(__file__).with_name("profile_cost.csv")
_COMMAND = (sys.executable, "-m", "effmod_bench", "profile", NETWORK, "--threads", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", action="store_true", help="keep the rows")
    keeps = parser.parse_args().csv
    runtimes = [Runtime.ONNXRUNTIME, Runtime.PYTORCH]
    if importlib.util.find_spec("openvino") is not None:
        runtimes.append(Runtime.OPENVINO)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        _profile(Runtime.ONNXRUNTIME, Path(folder, "first"), "--processes", "2")  # which makes the file, and the roof
        for runtime in runtimes:
            store = Path(folder, runtime)
            clock_s, processor_s = _profile(runtime, store)
            rows.append({"runtime": str(runtime), "network": NETWORK, "clock_s": clock_s, "processor_s": processor_s})
            rows[-1] |= _told(Store(store).read_kind(Profile))
            print(rows[-1], flush=True)
    if keeps:
        with _TABLE.open("w", newline="") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    sys.exit(any(map(_falls_short, rows)))


def _falls_short(row: dict[str, Any]) -> bool:
    is_off = any(abs(row[key]) > OFF for key in ("off", "off_clock") if row[key] is not None)
    return bool(row["clock_s"] >= MOST_S or row["fullest"] > 1 or is_off)


def _profile(runtime: Runtime, store: Path, *more: str) -> tuple[float, float]:
    """Seconds of the clock, and of the processors."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    asked = (*_COMMAND, "--runtime", runtime, "--store", str(store), "--quiet", *more)
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(time.monotonic() - began, 1), round(took_s, 1)


def _told(records: list[Profile]) -> dict[str, float | None]:
    """What a user is told an inference is made of, in milliseconds, and the runtime's own total of it.

    That is of the same runs, without those that something else has made long, as of each operator; and so is what our
    own clock tells of them. `fullest` is the largest share of a run's total that its operators took.
    """
    (told,) = summarise_profiles(records)
    assert told is not None
    assert told.without is not None
    total_ms = None if told.averaged else fmean(fmean(undisturbed(record.run_us)) / 1e3 for record in records)
    clock_ms = fmean(fmean(undisturbed(record.with_ns)) / 1e6 for record in records)
    of_parts = told.kernels.value + told.gaps.value
    return {
        "operators_ms": round(told.kernels.value, 3),
        "between_ms": round(told.gaps.value, 3),
        "total_ms": None if total_ms is None else round(total_ms, 3),
        "clock_ms": round(clock_ms, 3),
        "off": None if total_ms is None else round(of_parts / total_ms - 1, 4),
        "off_clock": None if total_ms is None else round(total_ms / clock_ms - 1, 4),
        "fullest": round(max(map(_fullest, records)), 4),
        "without_profiler_ms": round(told.without.value, 3),
    }


def _fullest(record: Profile) -> float:
    kernels = (sum(each) for each in zip(*record.kernel_us, strict=True))
    return max(kernel / run for kernel, run in zip(kernels, record.run_us, strict=True))


if __name__ == "__main__":
    main()
