"""Arguments in networks' names: what rows of one network differ in is a column."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from results.statistics.arguments import argument_of, differing_arguments, without
from results.tables.table import Column


def with_arguments(
    columns: Sequence[Column[Any]], names: Sequence[str], get: Callable[[Any], str]
) -> list[Column[Any]]:
    """The columns of a table, of which the first is the name, with one for each argument that tells rows apart.

    For people the name is then shown without it; for programs it stays whole.

    Args:
        names: of all rows.
        get: the name of a row.
    """
    told = differing_arguments(names)
    if not told:
        return list(columns)
    first, *others = columns
    return [msgspec.structs.replace(first, show=lambda name: without(name, told)), *_columns(told, get), *others]


def _columns(told: Iterable[str], get: Callable[[Any], str]) -> list[Column[Any]]:
    return [
        Column(key=f"argument_{each}", header=each, get=lambda row, each=each: argument_of(get(row), each))  # type: ignore[misc]
        for each in told
    ]
