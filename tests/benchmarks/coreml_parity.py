"""Every network of the zoo as a Core ML package, and how closely it computes.

Run it with `make check-coreml`: some hours on two cores, small networks first. Each is converted as `effmod export
--format coreml` does it (iOS 16, from an image, rewritten), in float32 and in float16; the saved package is evaluated
and compared with the network, and in float16 with its float32 program, rounded. It writes
`tests/benchmarks/coreml_parity.csv` row by row, and begins where an earlier run ended: a row that is there is not
measured again, but one that failed is where its network is named. With `NETWORKS="van_b0 pvt_*"` it does these alone.
It ends with 1 where a network fails or is further off than we promise.
"""

import argparse
import csv
import fnmatch
import os
import sys
import tempfile
from pathlib import Path

from exporters import ComputePrecision, CoreMLConfig, ExportError, Format, Made, Parity, ParityError, obtain
from exporters.coreml.program.program import load_program
from exporters.rewrites import AUTO, RewriteError
from models import ModelSpec, list_models

# Largest relative error, by precision; in float16 EfficientMod's own limit is tighter than that of the others.
_FLOAT32_LIMIT = 1e-5
_FLOAT16_LIMITS = {"efficientmod": 5e-3}
_OTHERS_FLOAT16_LIMIT = 2e-2
_REWRITES = AUTO[Format.COREML]
_TABLE = Path(__file__).with_name("coreml_parity.csv")
_COLUMNS = (
    *("network", "precision", "operators", "transposes", "layer_norms", "convolutions"),
    *("program_error", "rounded_error", "relative_error", "limit", "top1_agreement", "largest_activation", "result"),
)
_PRECISIONS = (ComputePrecision.FLOAT32, ComputePrecision.FLOAT16)
_Rows = dict[tuple[str, str], dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["*"], help="names or patterns; all without any")
    asked = parser.parse_args().networks
    rows = read()
    for spec in sorted(list_models(), key=lambda spec: spec.macs):
        if not any(fnmatch.fnmatch(spec.name, pattern) for pattern in asked):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ["EFFMOD_CACHE"] = folder  # or an older effmod's file could be found
            for precision in _PRECISIONS:
                row = rows.get((spec.name, precision))
                if row is None or (row["result"] != "ok" and spec.name in asked):
                    rows[spec.name, precision] = row = measured(spec, precision)
                    write(rows)
                    print(*row.values(), sep=", ", flush=True)
    failed = [f"{name} ({precision})" for (name, precision), row in rows.items() if row["result"] != "ok"]
    left = [spec.name for spec in list_models() if any((spec.name, precision) not in rows for precision in _PRECISIONS)]
    print(f"{_TABLE.name} written; failed: {', '.join(failed) or 'none'}; to do: {', '.join(left) or 'none'}")
    sys.exit(bool(failed))


def read() -> _Rows:
    if not _TABLE.exists():
        return {}
    with _TABLE.open(newline="") as file:
        return {(row["network"], row["precision"]): row for row in csv.DictReader(file)}


def write(rows: _Rows) -> None:
    """The table, in the zoo's order, whole or not at all."""
    new = _TABLE.with_suffix(".new")
    with new.open("w", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        table.writeheader()
        for spec in list_models():
            table.writerows(rows[spec.name, each] for each in _PRECISIONS if (spec.name, each) in rows)
    new.replace(_TABLE)


def measured(spec: ModelSpec, precision: ComputePrecision) -> dict[str, str]:
    """The row of one package, or of why there is none."""
    row = dict.fromkeys(_COLUMNS, "") | {"network": spec.name, "precision": precision.value}
    try:
        figures = measure(spec, precision)
    except (ExportError, ParityError, RewriteError) as error:
        return row | {"result": " ".join(str(error).split())}
    return row | dict(zip(_COLUMNS[2:], map(str, figures), strict=True))


def measure(spec: ModelSpec, precision: ComputePrecision) -> list[object]:
    """The figures of one package."""
    made = export(spec, precision)
    operators = load_program(made.path).operators()
    parity = made.artifact.parity
    half_limit = _FLOAT16_LIMITS.get(spec.family, _OTHERS_FLOAT16_LIMIT)
    limit = half_limit if precision is ComputePrecision.FLOAT16 else _FLOAT32_LIMIT
    assert parity.activation_range is not None  # of a package
    return [
        operators.total(),
        operators["transpose"],
        operators["layer_norm"],
        operators["conv"],
        *_apart(parity),
        f"{parity.relative_error:.1e}",
        f"{limit:.0e}",
        f"{parity.top1_agreement:.0%}",
        f"{parity.activation_range.largest:.3g}",
        "ok" if parity.relative_error < limit else "beyond the limit",
    ]


def _apart(parity: Parity) -> tuple[str, str]:
    """What a float16 package is proved by: its float32 program's error, and its own beside that program, rounded."""
    rounding = parity.rounding
    if rounding is None:
        return "", ""
    assert rounding.program_relative_error is not None  # of a package that was made here
    assert rounding.rounded_relative_error is not None
    return f"{rounding.program_relative_error:.1e}", f"{rounding.rounded_relative_error:.1e}"


def export(spec: ModelSpec, precision: ComputePrecision) -> Made:
    """The network's package, as `effmod export` gives it."""
    return obtain(spec, CoreMLConfig(image_size=spec.image_size, compute_precision=precision, rewrites=_REWRITES))


if __name__ == "__main__":
    main()
