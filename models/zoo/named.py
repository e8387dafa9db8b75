"""Arguments in a network's name: `mine.py:net(width=48)`, a call as Python writes it, with literal values.

A network has one name: its arguments stand in the order of the alphabet, each value as Python prints it.
"""

import difflib
import math
import re
import traceback
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from models.zoo.errors import ModelTargetError
from models.zoo.spec import TIMM_PREFIX

if TYPE_CHECKING:
    import inspect

_LARGEST_BITS = 64
OF_TIMM = {"num_classes"}
"""What timm's networks may be told, all of them alike."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A network's name, taken apart: what it is called without arguments, and these."""

    base: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in sorted(self.arguments.items()))
        return f"{self.base}({listed})" if listed else self.base


def split(name: str) -> tuple[str, str]:
    """A network's name without its arguments, and these with their parentheses; "" where it has none."""
    begin = name.find("(", max(0, name.find(".py:")))  # the folder of a file may have parentheses in its name
    return (name, "") if begin < 0 else (name[:begin], name[begin:])


def read(name: str) -> Named:
    """A network's name, taken apart. Nothing in it is ever run.

    Raises:
        ModelTargetError: it is no call, or an argument has no name or no literal value; or it is of one of timm's.
    """
    base, call = split(name)
    if not call:
        return Named(base=name, arguments={})
    import ast  # here, so that listing the zoo does not wait for it

    usage = f"write arguments as Python does, with the whole in quotes for the shell: '{base}(NAME=VALUE)'"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash in a string, say
            node = ast.parse(f"_{call}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ModelTargetError(f"{name} cannot be read: {reason}; {usage}") from error
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):  # such as net(width=48)(depth=2)
        raise ModelTargetError(f"{name} is not one call; {usage}")
    arguments: dict[str, Any] = {}
    if node.args:
        raise ModelTargetError(f"{name}: {ast.unparse(node.args[0])} stands without its argument's name; {usage}")
    for keyword in node.keywords:
        written = ast.unparse(keyword.value)
        if keyword.arg is None:
            raise ModelTargetError(f"{name}: **{written} names no arguments; {usage}")
        if keyword.arg in arguments:
            raise ModelTargetError(f"{name} gives {keyword.arg} twice")
        try:
            arguments[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise _no_literal(name, keyword.arg, written) from error
        if not _is_plain(arguments[keyword.arg]):
            raise _no_literal(name, keyword.arg, written)
    if base.startswith(TIMM_PREFIX) and arguments.keys() - OF_TIMM:
        raise no_arguments(name, base)
    if "image_size" in arguments:
        raise ModelTargetError(f"{name}: the size of images is no part of a name; give --image-size {written}")
    return Named(base=base, arguments=arguments)


def no_arguments(name: str, base: str) -> ModelTargetError:
    """What is said of a network of timm's to which arguments were given."""
    return ModelTargetError(
        f"{name}: timm builds {base}, and takes no arguments by name but num_classes; write a file net.py with a "
        "function that calls timm.create_model with them, and name net.py:FUNCTION"
    )


def check(who: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that a function does not have, and the lack of one that it needs, before it is called.

    Args:
        who: the function, in a message.

    Raises:
        ModelTargetError: that is so; the message names the nearest argument that it has.
    """
    parameters = _parameters(function)
    names = _names(parameters)
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in arguments:
            if name not in names:
                raise _unknown(who, name, names)
    needed = [p.name for p in parameters if p.name in names and p.default is p.empty]
    missing = [name for name in needed if name not in arguments and name != "image_size"]
    if missing:
        base = split(who)[0]
        given = [f"{name}={value!r}" for name, value in sorted(arguments.items())]
        example = ", ".join([*given, *(f"{name}=..." for name in missing)])
        raise ModelTargetError(f"{who} needs {' and '.join(missing)}; give a value, as in '{base}({example})'")


def explained(who: str, error: Exception, arguments: Iterable[str]) -> ModelTargetError:
    """What is said of arguments with which a network of the zoo cannot be built.

    Args:
        error: what building it raised. An argument that its factory hands on may be refused by a part of it.
    """
    refused = re.search(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if isinstance(error, TypeError) and refused and refused[2] in arguments:
        return _unknown(who, refused[2], sorted(set(_names_on_the_way(error, refused[1]))))
    return ModelTargetError(f"{who} cannot be built: {type(error).__name__}: {error}")


def _names_on_the_way(error: BaseException, refuser: str) -> Iterator[str]:
    """The arguments of what was called on the way to an error, and of what refused one, by its qualified name."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith("models.") or module.startswith("models.zoo."):
            continue
        for called in (frame.f_code.co_qualname, refuser):
            function = frame.f_globals.get(called.partition(".")[0])
            if callable(function):
                yield from _names(_parameters(function))


def _parameters(function: Callable[..., Any]) -> "Collection[inspect.Parameter]":
    import inspect  # here, so that listing the zoo does not wait for it

    return inspect.signature(function).parameters.values()


def _names(parameters: "Iterable[inspect.Parameter]") -> list[str]:
    """Of those that are given by name."""
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _unknown(who: str, name: str, names: list[str]) -> ModelTargetError:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {', '.join(map(repr, near))}?"
    else:
        hint = f"it has {', '.join(names)}" if names else "it has none"
    return ModelTargetError(f"{who} has no argument {name!r}; {hint}")


def _no_literal(name: str, argument: str, written: str) -> ModelTargetError:
    hint = f"; text stands in quotes: {argument}={written!r}" if written.isidentifier() else ""
    return ModelTargetError(
        f"{name}: {argument}={written} is no plain value: a number, text, True, False, None, or a tuple, list or dict "
        f"of these{hint}"
    )


def _is_plain(value: Any) -> bool:
    """Whether a value is printed as it can be read again, everywhere the same; of sets and bytes that is not so."""
    match value:
        case None | bool() | str():
            return True
        case int():
            return value.bit_length() < _LARGEST_BITS
        case float():
            return math.isfinite(value)
        case tuple() | list():
            return all(map(_is_plain, value))
        case dict():
            return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
        case _:
            return False
