"""Every network of the zoo exported to ONNX, and how closely its file computes what it computes.

Run it with `make check-zoo`: about ten minutes on two cores. It writes `tests/benchmarks/zoo_parity.csv`, and ends
with 1 where a network fails: the exception list below is the only way to be left out, and names the reason.
"""

import csv
import sys
from functools import partial
from pathlib import Path

from effmod_bench.instrument.clock import time_once
from effmod_bench.options.export import ExportChoices
from exporters import ExportError, Made, ParityError, obtain
from exporters.rewrites import RewriteError
from models import ModelSpec, list_models

EXCEPTIONS: dict[str, str] = {}
_TABLE = Path(__file__).with_name("zoo_parity.csv")


def main() -> None:
    failed = []
    with _TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            [
                *("network", "image_size", "form", "opset", "size_mb"),
                *("max_abs_error", "relative_error", "top1_agreement", "result"),
            ]
        )
        for spec in list_models():
            if spec.name in EXCEPTIONS:
                table.writerow([spec.name, spec.image_size, *[""] * 6, EXCEPTIONS[spec.name]])
                continue
            try:
                made, duration_ns = time_once(partial(export, spec))
            except (ExportError, ParityError, RewriteError) as error:
                failed.append(spec.name)
                table.writerow([spec.name, spec.image_size, *[""] * 6, str(error)])
                print(f"{spec.name}: {error}", flush=True)
                continue
            artifact, parity = made.artifact, made.artifact.parity
            figures = [f"{parity.max_abs_error:.1e}", f"{parity.relative_error:.1e}", f"{parity.top1_agreement:.0%}"]
            result = "simplified" if artifact.simplified else "not simplified"
            size_mb = f"{artifact.size_bytes / 1e6:.1f}"
            table.writerow([spec.name, spec.image_size, artifact.form, artifact.opset, size_mb, *figures, result])
            print(
                f"{spec.name:32} {artifact.form:9} relative error {figures[1]}, {duration_ns / 1e9:.0f} s, {result}",
                flush=True,
            )
    print(f"{_TABLE.name} written; failed: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


def export(spec: ModelSpec) -> Made:
    """The network's file, as `effmod export` gives it; a failure to prove it equal raises."""
    return obtain(spec, ExportChoices().config(spec))


if __name__ == "__main__":
    main()
