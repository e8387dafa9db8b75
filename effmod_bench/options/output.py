"""Options of where records and files go, and of how a command prints."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.option import OUTPUT, argument, but, option
from results.tables.arranged import Arrangement
from results.tables.write import OutputFormat


class Shown(StrEnum):
    """The tables that a store can hold."""

    MEASUREMENTS = "measurements"
    NODES = "nodes"
    COMPARISONS = "comparisons"
    BY_HAND = "by-hand"
    PROFILES = "profiles"


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


Columns = Annotated[
    str | None,
    option(
        "--columns",
        metavar="A,B,...",
        help="Only these columns of the table, in this order, by their names in CSV or by their headers.",
        panel=OUTPUT,
        rare=True,
        show_default=False,
    ),
]
Sort = Annotated[
    str | None,
    option(
        "--sort",
        metavar="COLUMN",
        help="Order the rows by this column, upwards; with a - before it downwards. Empty ones come last.",
        panel=OUTPUT,
        rare=True,
        show_default=False,
    ),
]
Limit = Annotated[
    int | None,
    option("--limit", metavar="N", help="At most so many rows.", min=1, panel=OUTPUT, rare=True, show_default=False),
]


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
    columns: Columns = None
    sort: Sort = None
    limit: Limit = None


class TablePrinting(Printing, frozen=True, kw_only=True):
    """The same of a command that is about its table: it says at once how that can be arranged."""

    columns: Annotated[str | None, but(Columns, hidden=False)] = None
    sort: Annotated[str | None, but(Sort, hidden=False)] = None
    limit: Annotated[int | None, but(Limit, hidden=False)] = None


def arrangement(given: Mapping[str, Any]) -> Arrangement:
    """What is wanted of tables, by the options of `Printing` as far as a command has them."""
    columns, sort = given.get("columns"), given.get("sort")
    return Arrangement(
        columns=() if columns is None else tuple(_named("--columns", name) for name in columns.split(",")),
        sort=None if sort is None else _named("--sort", sort),
        limit=given.get("limit"),
    )


def _named(option_name: str, name: str) -> str:
    if not name.strip(" -"):
        raise TargetError(f"{option_name} names a column by nothing; write it as name,p50_ms")
    return name.strip()
