"""Columns that several tables have."""

from collections.abc import Callable, Container
from typing import Any

import msgspec

from results.records.environment import Machine
from results.records.plan import RUNTIME_NAMES, Runtime
from results.records.words import cores_in_words, short_hash
from results.tables.table import Cell, Column, Shared
from results.tables.words import difference_in_words, digits


def hash_column(
    get: Callable[[Any], str | None], *, key: str = "sha256", header: str = "sha256", fact: bool = False
) -> Column[Any]:
    """The hash of a file."""
    return Column(key=key, header=header, get=get, show=short_hash, detail=True, fact=fact)


def runtime_column(
    get: Callable[[Any], Runtime], *, place: int = 0, key: str = "runtime", header: str = "runtime"
) -> Column[Any]:
    """What ran a row. Rows usually share it: then its name stands above them, at this place."""

    def name(value: str) -> str:
        return RUNTIME_NAMES[Runtime(value)]

    return Column(
        key=key,
        header=header,
        get=lambda row: str(get(row)),
        show=name,
        detail=True,
        fact=True,
        shared=Shared(words=name, place=place),
    )


# Of a machine, what makes its rows others, and is shown only where nothing else tells them apart.
MACHINE_DETAILS = {
    "architecture": "architecture",
    "physical_cores": "physical\ncores",
    "logical_cores": "logical\ncores",
    "smt": "SMT",
    "memory_bytes": "machine's\nmemory",
    "memory_limit_bytes": "memory\nlimit",
    "swap_bytes": "swap",
}


def core_columns(machine: Callable[[Any], Machine]) -> tuple[Column[Any], ...]:
    """Which cores a row had, and how much of them: columns where rows differ in it."""

    def fact(key: str, header: str, get: Callable[[Machine], Cell]) -> Column[Any]:
        return Column(
            key=key, header=header, get=lambda row: get(machine(row)), detail=True, fact=True, shared=Shared()
        )

    return (
        fact("affinity", "cores", lambda one: cores_in_words(one.affinity)),
        fact("cpu_quota", "quota,\ncores", lambda one: one.cpu_quota),
    )


def machine_details(machine: Callable[[Any], Machine]) -> tuple[Column[Any], ...]:
    """What is shown of a machine where nothing else tells rows apart."""
    return tuple(
        Column(
            key=key,
            header=header,
            get=lambda row, key=key: getattr(machine(row), key),  # type: ignore[misc]
            detail=True,
            fact=True,
        )
        for key, header in MACHINE_DETAILS.items()
    )


def of_measurement(column: Column[Any], *, details: Container[str]) -> Column[Any]:
    """A column of measurements, over rows that hold one each.

    Args:
        details: the keys of the columns that are more than such a table has room for.
    """
    mark = column.mark
    return msgspec.structs.replace(
        column,
        get=lambda row: column.get(row.measurement),
        mark=mark and (lambda row: mark(row.measurement)),
        detail=column.detail or column.key in details,
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
    Column(key="verdict", header="faster or\nslower", get=lambda row: row.verdict and str(row.verdict), detail=True),
)
