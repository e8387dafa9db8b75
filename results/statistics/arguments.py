"""Arguments in networks' names, `mine.py:net(width=48)`: what tells the points of a sweep apart."""

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

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


def argument_of(name: str, argument: str) -> str | int | float | None:
    """The value of an argument for a cell: a number or a text as it is, all else as Python writes it."""
    arguments = taken_apart(name)[1]
    if argument not in arguments:
        return None
    value = arguments[argument]
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else repr(value)


def without(name: str, told: Collection[str]) -> str:
    """A name without these of its arguments."""
    base, arguments = taken_apart(name)
    left = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if key not in told)
    return f"{base}({left})" if left else base
