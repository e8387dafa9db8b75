"""Columns that several tables have."""

from collections.abc import Callable
from typing import Any

from results.records.plan import RUNTIME_NAMES, Runtime
from results.tables.table import Column, Shared
from results.tables.words import difference_in_words, digits, short_hash


def hash_column(
    get: Callable[[Any], str | None], *, key: str = "sha256", header: str = "sha256", fact: bool = False
) -> Column[Any]:
    """The hash of a file."""
    return Column(key=key, header=header, get=get, show=short_hash, detail=True, fact=fact)


def runtime_column(get: Callable[[Any], Runtime], *, place: int = 0) -> Column[Any]:
    """What ran a row. Rows usually share it: then its name stands above them, at this place."""

    def name(value: str) -> str:
        return RUNTIME_NAMES[Runtime(value)]

    return Column(
        key="runtime",
        header="runtime",
        get=lambda row: str(get(row)),
        show=name,
        detail=True,
        fact=True,
        shared=Shared(words=name, place=place),
    )


def _estimated(name: str, header: str) -> Column[Any]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.estimate, name) if row.estimate else None,
        show=digits(3),
    )


# The ratio of two times, and what may be said of it: of rows with an estimate and a verdict.
RATIO_COLUMNS: tuple[Column[Any], ...] = (
    _estimated("ratio", "time\nratio ¹"),
    _estimated("low", "95 %\nfrom"),
    _estimated("high", "95 %\nto"),
    Column(key="difference", header="verdict", get=difference_in_words),
    Column(key="verdict", header="verdict", get=lambda row: row.verdict and str(row.verdict), detail=True),
)
