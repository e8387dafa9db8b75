"""Options of where records and files go, and of how a command prints."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from effmod_bench.options.option import OUTPUT, argument, option
from effmod_bench.options.parse import check_folder
from results.tables.write import OutputFormat


class Shown(StrEnum):
    """The tables that a store can hold."""

    MEASUREMENTS = "measurements"
    COMPARISONS = "comparisons"
    BY_HAND = "by-hand"


def default_store() -> Path:
    return Path(os.environ.get("EFFMOD_STORE") or "effmod-results")


StorePath = Annotated[
    Path,
    argument(
        "[STORE]",
        help="A folder of records, as 'effmod bench' writes it; EFFMOD_STORE names another default.",
        show_default=True,
    ),
]
StoreFolder = Annotated[
    Path,
    option(
        "--store",
        metavar="FOLDER",
        help="Folder for the records; EFFMOD_STORE names another.",
        panel=OUTPUT,
    ),
]
OutputFolder = Annotated[
    Path,
    option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Folder for the file and its sidecar.",
        panel=OUTPUT,
        callback=check_folder,
    ),
]


Quiet = Annotated[bool, option("--quiet", "-q", help="No notes, no progress.", panel=OUTPUT)]


class Loudness(msgspec.Struct, frozen=True, kw_only=True):
    """How much a command says."""

    quiet: Quiet = False
    verbose: Annotated[
        int,
        option("--verbose", "-v", help="More columns and notes.", panel=OUTPUT, count=True, show_default=False),
    ] = 0


class Printing(Loudness, frozen=True, kw_only=True):
    """How a command prints its table, and how much it says."""

    output_format: Annotated[
        OutputFormat,
        option(
            "--output-format",
            metavar="FORMAT",
            help=f"How to print the table: {', '.join(OutputFormat)}. All but the first leave nothing else on stdout.",
            panel=OUTPUT,
        ),
    ] = OutputFormat.TABLE
