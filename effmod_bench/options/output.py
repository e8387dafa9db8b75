"""Options of where records and files go, and of how a command prints."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from effmod_bench.options.parse import check_folder
from effmod_bench.options.words import OUTPUT
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
    typer.Argument(
        metavar="[STORE]", help="A folder of records, as 'effmod bench' writes it; EFFMOD_STORE names another default."
    ),
]
StoreBefore = Annotated[
    Path, typer.Argument(metavar="BEFORE", help="A store, as 'effmod bench' writes it.", show_default=False)
]
StoreAfter = Annotated[
    Path, typer.Argument(metavar="AFTER", help="The store that is compared with it.", show_default=False)
]

StoreOption = Annotated[
    Path,
    typer.Option("--store", help="Folder for the records; EFFMOD_STORE names another default.", rich_help_panel=OUTPUT),
]
OutputFormatOption = Annotated[
    OutputFormat,
    typer.Option(
        "--output-format",
        help="How to print the table; all but 'table' leave nothing else on stdout.",
        rich_help_panel=OUTPUT,
    ),
]
Only = Annotated[
    Shown | None,
    typer.Option("--only", help="One of the store's tables.", show_default="all", rich_help_panel=OUTPUT),
]
ShownTable = Annotated[
    str | None,
    typer.Option(
        "--table", help="Show the measurements as this table of the paper.", show_default=False, rich_help_panel=OUTPUT
    ),
]
ShownRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="Show one run by itself, by its id; without it, the runs of one file on one machine are one row.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
OutputFolder = Annotated[
    Path,
    typer.Option(
        "--output", help="Folder for the file and its sidecar.", callback=check_folder, rich_help_panel=OUTPUT
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.", rich_help_panel=OUTPUT)]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, help="More columns and notes.", rich_help_panel=OUTPUT, show_default=False
    ),
]
