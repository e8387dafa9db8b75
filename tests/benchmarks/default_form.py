"""How fast effmod's ONNX files are beside the one that a network's authors would export, by `effmod compare`'s rule.

Run it with `make check-form`, or by itself for networks, threads and processes of your own. The baseline is one fixed
command, `torch.onnx.export(..., dynamo=False, opset_version=17)` with an open batch; beside it stand itself, as a
control, the plain file and the rewritten one, each proved equal to it first. It prints figures and judges nothing: the
machine may be busy, and `--csv` writes its load with them. The committed figures are from two cores that others used.
"""

import argparse
import csv
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec
import torch

from effmod_bench.environment import read_machine
from effmod_bench.pair_runner import run
from effmod_bench.runner import Subject, new_run_id
from effmod_bench.subjects import file_subject, zoo_subject
from effmod_bench.targets import DEFAULT_TARGETS
from exporters import Format, OnnxConfig, obtain
from exporters.rewrites import AUTO
from exporters.verify import compare_files, judge_files
from models import ModelSpec, create_filled, find_model
from models.images import natural_images
from results import ComparisonPlan, ComparisonProcess, Store, compare
from tests.benchmarks.comparison_power import Silence

_FORMS = {"plain": (), "rewritten": AUTO[Format.ONNX]}
_COLUMNS = (
    *("network", "threads", "form", "speed", "low", "high"),
    *("baseline_ms", "relative_error", "processes", "load_average"),
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One file beside the authors' own.

    Attributes:
        form: "control" for the authors' own against itself.
        speed: the baseline's time over this file's; low and high are its interval of 95 %.
        load_average: of the machine, over a minute; the median over the processes.
    """

    network: str
    threads: int | None
    form: str
    speed: float
    low: float
    high: float
    baseline_ms: float
    relative_error: float
    processes: int
    load_average: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=DEFAULT_TARGETS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--processes", type=int, default=6, help="of each comparison")
    parser.add_argument("--csv", action="store_true", help="write the figures beside this script")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.networks:
            subjects, errors = prepare(find_model(name), Path(folder))
            for threads in arguments.threads:
                plan = ComparisonPlan(threads=threads, processes=arguments.processes, control=True)
                for row in measure(name, plan, subjects, errors, Path(folder)):
                    rows.append(row)
                    print(
                        f"{name}, {threads} thread{'s' * (threads > 1)}, {row.form}: {row.speed:.3f} "
                        f"({row.low:.3f} to {row.high:.3f}) times as fast, relative error {row.relative_error:.0e}, "
                        f"load {row.load_average:.1f}",
                        flush=True,
                    )
    if arguments.csv:
        write_csv(rows, Path(__file__).with_suffix(".csv"))


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


def prepare(spec: ModelSpec, folder: Path) -> tuple[list[Subject], list[float]]:
    """The baseline and effmod's forms, and how far each is from the baseline, relative to the largest output."""
    path = export_as_authors(spec, folder / f"{spec.name}.onnx")
    baseline = file_subject(path, {None: (1, 3, spec.image_size, spec.image_size)}, batch_size=1)
    subjects = [msgspec.structs.replace(baseline, preprocessing=spec.preprocessing)]
    errors = [0.0]
    images = natural_images(4, (spec.image_size, spec.image_size))
    for rewrites in _FORMS.values():
        made = obtain(spec, OnnxConfig(image_size=spec.image_size, rewrites=rewrites))
        subjects.append(zoo_subject(made, batch_size=1))
        parity = compare_files(path, made.path, [{"input": image[None]} for image in images])
        judge_files(path, made.path, parity)
        errors.append(parity.relative_error)
    return subjects, errors


def measure(
    name: str, plan: ComparisonPlan, subjects: list[Subject], errors: list[float], folder: Path
) -> Iterator[Row]:
    """Compare each file with the baseline; one that failed raises."""
    records: list[ComparisonProcess] = []
    run(new_run_id(), plan, subjects, read_machine(), Store(folder), Silence(), on_record=records.append)
    for target, form in enumerate(["control", *_FORMS]):
        own = [record for record in records if record.target == target]
        (comparison,) = compare(own)
        if comparison.estimate is None or comparison.baseline_p50_ms is None:
            raise RuntimeError(f"{name}, {form}: {comparison.failures}")
        yield Row(
            network=name,
            threads=comparison.threads,
            form=form,
            speed=1 / comparison.estimate.ratio,
            low=1 / comparison.estimate.high,
            high=1 / comparison.estimate.low,
            baseline_ms=comparison.baseline_p50_ms,
            relative_error=errors[target],
            processes=comparison.processes,
            load_average=median(record.environment.load_average or 0.0 for record in own),
        )


def write_csv(rows: list[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in rows:
            speeds = [f"{speed:.3f}" for speed in (row.speed, row.low, row.high)]
            measured = [f"{row.baseline_ms:.2f}", f"{row.relative_error:.1e}", row.processes, f"{row.load_average:.1f}"]
            writer.writerow([row.network, row.threads, row.form, *speeds, *measured])


if __name__ == "__main__":
    main()
