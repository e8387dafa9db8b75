"""Arguments in networks' names, `mine.py:net(width=48)`: what rows of one network differ in is a column."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from results.tables.table import Cell, Column

Arguments = Mapping[str, Any]


@functools.lru_cache(maxsize=1024)
def taken_apart(name: str) -> tuple[str, Arguments]:
    """A network's name without its arguments, and these by their names; none where it is another kind of name."""
    begin = name.find("(", max(0, name.find(".py:")))  # as `models.zoo.named` has it
    if begin < 0:
        return name, {}
    import ast  # here, so that reading records does not wait for it

    try:
        call = ast.parse(f"_{name[begin:]}", mode="eval").body
        assert isinstance(call, ast.Call)
        return name[:begin], {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    except (SyntaxError, ValueError, AssertionError):  # such as a file "net (1).onnx"
        return name, {}


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
    return [msgspec.structs.replace(first, show=lambda name: _without(name, told)), *_columns(told, get), *others]


def differing_arguments(names: Iterable[str]) -> list[str]:
    """The arguments in which names of one network differ, in the order of the alphabet."""
    by_base: dict[str, list[Arguments]] = defaultdict(list)
    for name in names:
        base, arguments = taken_apart(name)
        by_base[base].append(arguments)
    return sorted(
        {
            argument
            for group in by_base.values()
            for argument in {each for arguments in group for each in arguments}
            if len({repr(arguments[argument]) if argument in arguments else None for arguments in group}) > 1
        }
    )


def argument_of(name: str, argument: str) -> Cell:
    """The value of an argument for a cell: a number or a text as it is, all else as Python writes it."""
    arguments = taken_apart(name)[1]
    if argument not in arguments:
        return None
    value = arguments[argument]
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else repr(value)


def _columns(told: Iterable[str], get: Callable[[Any], str]) -> list[Column[Any]]:
    return [
        Column(key=f"argument_{each}", header=each, get=lambda row, each=each: argument_of(get(row), each))  # type: ignore[misc]
        for each in told
    ]


def _without(name: str, told: Iterable[str]) -> str:
    """A name without the arguments that columns show."""
    base, arguments = taken_apart(name)
    left = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if key not in told)
    return f"{base}({left})" if left else base
