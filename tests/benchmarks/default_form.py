"""How fast effmod's ONNX files are beside the one that a network's authors would export, by `effmod compare`'s rule.

Run it with `make check-form`, or by itself for networks, threads and processes of your own. The baseline is one fixed
command, `torch.onnx.export(..., dynamo=False, opset_version=17)` with an open batch; beside it stand itself, as a
control, the plain file and the default one, each proved equal to it first. `--baseline plain` takes our plain file in
its place: a network whose default file is that one is 1 times as fast by identity, and nothing is measured of it.

A network takes one to three minutes for each number of threads, and half a minute where its files are not cached; the
25 of `--table 1 --baseline plain` twenty minutes on one thread. It prints figures and judges nothing: the machine
may be busy, and `--csv` writes its load with them.
"""

import argparse
import csv
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import geometric_mean, median

import msgspec
import torch

from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.pairs import run
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.subject import Subject
from effmod_bench.options.export import ExportChoices
from effmod_bench.targets.names import DEFAULT_TARGETS, find_networks
from effmod_bench.targets.subjects import file_subject, zoo_subject
from exporters import obtain
from exporters.proof.files import compare_files, judge_files
from models import ModelSpec, create_filled
from models.zoo.images import natural_images
from results import ComparisonPlan, ComparisonProcess, Store, compare
from tests.benchmarks.trials import Silence

_CSV = {"authors": "default_form.csv", "plain": "default_form_plain.csv"}
_COLUMNS = (
    *("network", "threads", "form", "speed", "low", "high"),
    *("baseline_ms", "relative_error", "processes", "load_average"),
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One file beside the baseline.

    Attributes:
        form: "control" for the baseline against itself, "plain" and "default" for effmod's files.
        speed: the baseline's time over this file's; low and high are its interval of 95 %.
        baseline_ms: None where the file is the baseline itself, and nothing was measured.
        load_average: of the machine, over a minute; the median over the processes.
    """

    network: str
    threads: int
    form: str
    speed: float = 1.0
    low: float = 1.0
    high: float = 1.0
    baseline_ms: float | None = None
    relative_error: float
    processes: int = 0
    load_average: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=DEFAULT_TARGETS)
    parser.add_argument("--table", help="all networks of this table of the paper, in place of --networks")
    parser.add_argument("--baseline", choices=tuple(_CSV), default="authors")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--processes", type=int, default=6, help="of each comparison")
    parser.add_argument("--csv", action="store_true", help="write the figures beside this script")
    arguments = parser.parse_args()
    specs = find_networks(["*"] if arguments.table else arguments.networks, table=arguments.table)
    rows: list[Row] = []
    failed = []
    for spec in specs:
        with tempfile.TemporaryDirectory() as folder:
            try:
                subjects, errors = prepare(spec, arguments.baseline, Path(folder))
                for threads in arguments.threads:
                    plan = ComparisonPlan(threads=threads, processes=arguments.processes, control=True)
                    for row in measure(spec.name, plan, subjects, errors, Path(folder)):
                        rows.append(row)
                        print(in_words(row), flush=True)
            except Exception as error:  # whatever it is, the other networks' hours are not lost
                failed.append(spec.name)
                print(f"{spec.name} failed: {type(error).__name__}: {error}", flush=True)
        if arguments.csv:
            write_csv(rows, Path(__file__).with_name(_CSV[arguments.baseline]))
    for threads in arguments.threads:
        say_mean([row for row in rows if row.form == "default" and row.threads == threads], threads)
    if failed:
        sys.exit(f"{len(failed)} of {len(specs)} networks failed: {', '.join(failed)}")


def export_as_authors(spec: ModelSpec, path: Path) -> Path:
    """The file that a network's authors would make; its weights are those of effmod's own files."""
    model, _ = create_filled(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that this exporter is the old one, and what it takes for constant
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, spec.image_size, spec.image_size),),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )
    return path


def prepare(spec: ModelSpec, baseline: str, folder: Path) -> tuple[dict[str, Subject], dict[str, float]]:
    """The files by form, the baseline first, and how far each is from it, relative to the largest output."""
    plain, default = (
        zoo_subject(obtain(spec, ExportChoices(rewrite=rewrite).config(spec)), batch_size=1)
        for rewrite in ("none", None)
    )
    if baseline == "plain":
        subjects = {"control": plain, "default": default}
    else:
        path = export_as_authors(spec, folder / f"{spec.name}.onnx")
        authors = file_subject(path, {None: (1, 3, spec.image_size, spec.image_size)}, batch_size=1)
        authors = msgspec.structs.replace(authors, preprocessing=spec.preprocessing)
        subjects = {"control": authors, "plain": plain, "default": default}
    feeds = [{"input": image[None]} for image in natural_images(4, (spec.image_size, spec.image_size))]
    errors = {}
    for form, subject in subjects.items():
        parity = compare_files(subjects["control"].path, subject.path, feeds)
        judge_files(subjects["control"].path, subject.path, parity)
        errors[form] = parity.relative_error
    return subjects, errors


def measure(
    name: str, plan: ComparisonPlan, subjects: dict[str, Subject], errors: dict[str, float], folder: Path
) -> Iterator[Row]:
    """Compare each file with the baseline, each once whatever forms it stands for; one that failed raises."""
    assert plan.threads is not None
    files = {subject.artifact.sha256: subject for subject in subjects.values()}
    if len(files) == 1:  # there is nothing to compare
        yield Row(network=name, threads=plan.threads, form="default", relative_error=errors["default"])
        return
    records: list[ComparisonProcess] = []
    run(
        new_run_id(),
        plan,
        list(files.values()),
        Here(read_machine()),
        Store(folder),
        Silence(),
        on_record=records.append,
    )
    for form, subject in subjects.items():
        target = list(files).index(subject.artifact.sha256)
        own = [record for record in records if record.target == target]
        (comparison,) = compare(own)
        if comparison.estimate is None or comparison.baseline_p50_ms is None:
            raise RuntimeError(f"{form}: {comparison.failures}")
        yield Row(
            network=name,
            threads=plan.threads,
            form=form,
            speed=comparison.estimate.speed.ratio,
            low=comparison.estimate.speed.low,
            high=comparison.estimate.speed.high,
            baseline_ms=comparison.baseline_p50_ms,
            relative_error=errors[form],
            processes=comparison.processes,
            load_average=median(record.environment.load_average or 0.0 for record in own),
        )


def in_words(row: Row) -> str:
    what = f"{row.network}, {row.threads} thread{'s' * (row.threads > 1)}, {row.form}"
    if row.load_average is None:
        return f"{what}: the same file as the baseline, and so 1 times as fast; not measured"
    return (
        f"{what}: {row.speed:.3f} ({row.low:.3f} to {row.high:.3f}) times as fast, "
        f"relative error {row.relative_error:.0e}, load {row.load_average:.1f}"
    )


def say_mean(rows: Sequence[Row], threads: int) -> None:
    if rows:
        same = sum(row.baseline_ms is None for row in rows)
        print(
            f"{threads} thread{'s' * (threads > 1)}, default: {geometric_mean(row.speed for row in rows):.3f} times as "
            f"fast, the geometric mean over {len(rows)} networks"
            + (f", {same} of them with the same file as the baseline" if same else "")
        )


def write_csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in rows:
            speeds = [f"{speed:.3f}" for speed in (row.speed, row.low, row.high)]
            baseline = "" if row.baseline_ms is None else f"{row.baseline_ms:.2f}"
            load = "" if row.load_average is None else f"{row.load_average:.1f}"
            measured = [baseline, f"{row.relative_error:.1e}", row.processes, load]
            writer.writerow([row.network, row.threads, row.form, *speeds, *measured])


if __name__ == "__main__":
    main()
