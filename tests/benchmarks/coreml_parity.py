"""Every EfficientMod network and every network of Table 12 as a Core ML package, and how closely it computes.

Run it with `make check-coreml`: about twenty minutes on two cores. Each network is converted as `effmod export
--format coreml` does it (iOS 16, from an image, rewritten), in float32 and in float16; the saved package is evaluated
and compared with the network, and in float16 with its float32 program, rounded. It writes
`tests/benchmarks/coreml_parity.csv`, and ends with 1 where a network fails or is further off than we promise.
"""

import csv
import sys
from pathlib import Path

from exporters import ComputePrecision, CoreMLConfig, ExportError, Format, Made, Parity, ParityError, obtain
from exporters.coreml.program.program import load_program
from exporters.rewrites import AUTO
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


def main() -> None:
    specs = list_models("efficientmod_*") + list_models(table="12")
    failed = []
    with _TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for spec in {spec.name: spec for spec in specs}.values():
            for precision in (ComputePrecision.FLOAT32, ComputePrecision.FLOAT16):
                try:
                    row = [spec.name, precision, *measure(spec, precision)]
                except (ExportError, ParityError) as error:
                    row = [spec.name, precision, *[""] * (len(_COLUMNS) - 3), str(error)]
                if row[-1] != "ok":
                    failed.append(f"{spec.name} ({precision})")
                table.writerow(row)
                file.flush()
                print(*row, flush=True)
    print(f"{_TABLE.name} written; failed: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


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
