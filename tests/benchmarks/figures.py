"""The committed figures of a script: a CSV beside it, written where `--csv` asks for it."""

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def asked_for_csv(description: str | None) -> bool:
    """Whether a script is called with `--csv`, the only option that it has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", action="store_true", help="write the figures beside this script")
    return bool(parser.parse_args().csv)


def write_figures(script: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows, all of the same columns, beside the script whose `__file__` is given."""
    with Path(script).with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
