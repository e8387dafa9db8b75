"""Is what `effmod tune --budget 3m` returns the fastest, on one thread, over the paper's Table 1?

Run it with `make check-tune`: about six minutes a network, several hours on two cores for the 25, in which nothing else
should run. Each network is tuned as a user would; what that returns is then timed in turn, in a new run, with the plain
and the default file on ONNX Runtime and on OpenVINO. It writes `tests/benchmarks/tuned.csv` row by row, and begins
where an earlier run ended: a row that is there is not measured again (delete it for that). With
`NETWORKS="efficientmod_x* mobileone_s1"` it does these alone. It ends with 1 where one of the four was found to be
faster than what was returned, by more than 0.5 %, or where the geometric mean over the plain file on ONNX Runtime is
below 1.05.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import geometric_mean, median

import msgspec

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.pairs import run
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES
from effmod_bench.instrument.subject import Subject
from effmod_bench.isolation.apart import end
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.names import find_networks
from effmod_bench.targets.subjects import file_subject
from effmod_bench.targets.target import NetworkTarget
from models import ModelSpec
from results import (
    Comparison,
    ComparisonPlan,
    ComparisonProcess,
    Runtime,
    RuntimeOptions,
    Store,
    Verdict,
    compare,
)
from results.statistics.tuning import Decision, Trial, TuningReport
from tests.benchmarks.trials import Silence

_TABLE = Path(__file__).with_name("tuned.csv")
_LEAST, _AIM = 1.05, 1.08
_EFFMOD = Path(sys.executable).with_name("effmod")
# What whoever does not tune would take.
_FORMS = {"plain": "none", "default": None}
_RUNTIMES = (Runtime.ONNXRUNTIME, Runtime.OPENVINO)


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and what runs it how."""

    name: str
    subject: Subject
    options: RuntimeOptions

    @property
    def key(self) -> tuple[str, RuntimeOptions]:
        return self.subject.artifact.sha256, self.options


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A network.

    Attributes:
        chosen: what was returned, as `effmod tune` calls it.
        speed: the time of the plain file on ONNX Runtime over that of what was returned; low and high its interval.
        best: of the four the fastest.
        best_speed: its speed over what was returned; low and high its interval; 1 where the two are the same.
        found_slower: those of the four that are faster than what was returned, beyond the margin and doubt.
        tuned_s: what tuning took.
        load_average: of the machine, over a minute; the median over the processes of the new run.
    """

    network: str
    chosen: str
    runtime: str
    speed: str
    low: str
    high: str
    best: str
    best_speed: str
    best_low: str
    best_high: str
    found_slower: str
    relative_error: str
    tuned_s: str
    load_average: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="names or patterns; all of Table 1 without any")
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--processes", type=int, default=6, help="of each comparison of the new run")
    parser.add_argument("--csv", type=Path, default=_TABLE, help="where the rows are")
    asked = parser.parse_args()
    rows = read(asked.csv)
    failed = []
    for spec in find_networks(asked.networks or ["*"], table=None if asked.networks else "1"):
        if spec.name in rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows[spec.name] = measure(spec, asked.budget, asked.processes, Path(folder))
            except Exception as error:  # whatever it is, the other networks' hours are not lost
                failed.append(spec.name)
                print(f"{spec.name} failed: {type(error).__name__}: {error}", flush=True)
                continue
        write(rows, asked.csv)
        print(", ".join(msgspec.structs.astuple(rows[spec.name])), flush=True)
    good = say_all(rows)
    if failed:
        sys.exit(f"{len(failed)} networks failed: {', '.join(failed)}")
    sys.exit(not good)


def measure(spec: ModelSpec, budget: str, processes: int, folder: Path) -> Row:
    """Tune a network, and time what that returns beside the four."""
    began_s = monotonic_s()
    path, report = tune(spec.name, budget, folder)
    tuned_s = monotonic_s() - began_s
    (chosen,) = (trial for trial in report.trials if trial.decision is Decision.CHOSEN)
    tuned = Way(name=chosen.name, subject=_returned(spec, path, chosen), options=chosen.options)
    others = [way for way in the_four(spec) if way.key != tuned.key]
    end()  # what has made the files is in the way of measuring
    found = compare_with(tuned, others, processes, folder)
    speeds = {way.name: comparison.estimate.speed for way, (comparison, _) in found if comparison.estimate}
    if len(speeds) < len(others):
        raise RuntimeError("; ".join(failure for _, (comparison, _) in found for failure in comparison.failures))
    best = max(speeds, key=lambda name: speeds[name].ratio, default=tuned.name)
    plain = speeds.get(_name("plain", Runtime.ONNXRUNTIME))  # None where that was returned
    is_best = best not in speeds or speeds[best].ratio <= 1.0
    slower = [way.name for way, (comparison, _) in found if comparison.verdict is Verdict.FASTER]
    loads = [load for _, (_, own) in found for load in own]
    return Row(
        network=spec.name,
        chosen=chosen.name,
        runtime=str(chosen.options.runtime),
        speed=_text(1 / plain.ratio if plain else 1.0),
        low=_text(1 / plain.high if plain else 1.0),
        high=_text(1 / plain.low if plain else 1.0),
        best=tuned.name if is_best else best,
        best_speed=_text(1.0 if is_best else speeds[best].ratio),
        best_low=_text(1.0 if is_best else speeds[best].low),
        best_high=_text(1.0 if is_best else speeds[best].high),
        found_slower="; ".join(slower),
        relative_error=f"{chosen.relative_error or 0.0:.1e}",
        tuned_s=f"{tuned_s:.0f}",
        load_average=f"{median(loads):.1f}" if loads else "",
    )


def tune(name: str, budget: str, folder: Path) -> tuple[Path, TuningReport]:
    """What the command returns."""
    where = ["-o", str(folder), "--store", str(folder / "tuned")]
    command = [str(_EFFMOD), "tune", name, "--threads", "1", "--budget", budget, *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    path = Path(done.stdout.splitlines()[-1])
    beside = path.with_name(f"{path.name}.tuning.json")
    return path, msgspec.json.decode(beside.read_bytes(), type=TuningReport)


def _returned(spec: ModelSpec, path: Path, chosen: Trial) -> Subject:
    if chosen.options.runtime in NETWORK_RUNTIMES:
        return NetworkTarget(spec=spec, choices=ExportChoices(), as_it_is=True).subject(Console(-1))
    return file_subject(path, {}, batch_size=1)


def the_four(spec: ModelSpec) -> list[Way]:
    """The plain and the default file on both runtimes; each once, where the two are one file."""
    ways: dict[tuple[str, RuntimeOptions], Way] = {}
    for form, rewrite in _FORMS.items():
        choices = ExportChoices(rewrite=rewrite)
        subject = NetworkTarget(spec=spec, choices=choices, as_it_is=False).subject(Console(-1))
        for runtime in _RUNTIMES:
            way = Way(name=_name(form, runtime), subject=subject, options=RuntimeOptions(runtime=runtime))
            ways.setdefault(way.key, way)
    return list(ways.values())


def _name(form: str, runtime: Runtime) -> str:
    return f"{form} on {runtime}"


def compare_with(
    tuned: Way, others: list[Way], processes: int, folder: Path
) -> list[tuple[Way, tuple[Comparison, list[float]]]]:
    """Each of the others in turn with what was returned: its comparison, and the machine's load in each process."""
    ways = [tuned, *others]
    plan = ComparisonPlan(
        threads=1,
        processes=processes,
        targets=tuple(way.name for way in ways),
        options=tuned.options,
        target_options=tuple(way.options for way in ways),
        seed=1,
    )
    records: list[ComparisonProcess] = []
    subjects = [way.subject for way in ways]
    with measuring_alone(wait=True, on_wait=print):
        here, store = Here(read_machine()), Store(folder / "again")
        store.check_writable()
        run(new_run_id(), plan, subjects, here, store, Silence(), on_record=records.append)
    found = []
    for target, way in enumerate(others, start=1):
        own = [record for record in records if record.target == target]
        (comparison,) = compare(own)
        found.append((way, (comparison, [record.environment.load_average or 0.0 for record in own])))
    return found


def say_all(rows: dict[str, Row]) -> bool:
    """What holds over all networks that there are."""
    slower = {row.network: row.found_slower for row in rows.values() if row.found_slower}
    for network, than in slower.items():
        print(f"{network}: what was returned is slower than {than}")
    if not rows:
        return True
    mean = geometric_mean(float(row.speed) for row in rows.values())
    print(
        f"{len(rows)} networks, {len(slower)} of them slower than one of the four; {mean:.3f} times as fast as the "
        f"plain file on ONNX Runtime, the geometric mean (at least {_LEAST}, aim {_AIM})"
    )
    return not slower and mean >= _LEAST


def read(path: Path) -> dict[str, Row]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["network"]: Row(**row) for row in csv.DictReader(file)}


def write(rows: dict[str, Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row.__struct_fields__)
        writer.writerows(map(msgspec.structs.astuple, rows.values()))


def _text(value: float) -> str:
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
