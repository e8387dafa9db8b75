"""What is replaced in torch or in effmod while a stranger's code runs: found, named and put back."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

# What all networks compute with, and what effmod works with; each with the modules below it, or alone.
_WITH_ALL_BELOW = ("torch.nn", "torch.jit", "torch.onnx", "torch.export", "timm", "models", "exporters", "effmod_bench")
_ALONE = ("builtins", "os", "numpy", "torch", "torch.functional")
_ABSENT = object()


class Surface:
    """The functions, classes and methods of torch and of effmod as they are now, and torch's hooks on all networks."""

    def __init__(self) -> None:
        self._before = {name: (owner, dict(vars(owner))) for name, owner in _owners()}
        self._hooks = [(f"{name}.{key}", hooks, dict(hooks)) for name, key, hooks in self._global_hooks()]

    def put_back(self) -> list[str]:
        """Undo what was replaced since; returns the names of that."""
        replaced = []
        for name, (owner, before) in self._before.items():
            for key, value in _replaced(owner, before):
                replaced.append(f"{name}.{key}")
                if value is _ABSENT:
                    delattr(owner, key)
                else:
                    setattr(owner, key, value)
        for name, hooks, before in self._hooks:
            if hooks != before:
                replaced.append(name)
                hooks.clear()
                hooks.update(before)
        return replaced

    def _global_hooks(self) -> Iterator[tuple[str, str, dict[Any, Any]]]:
        name = "torch.nn.modules.module"
        for key, value in self._before.get(name, (None, {}))[1].items():
            if key.startswith("_global_") and isinstance(value, dict):
                yield name, key, value


def _owners() -> Iterator[tuple[str, Any]]:
    """By name, the modules that are loaded, and the classes that they define."""
    for name, module in list(sys.modules.items()):
        if name in _ALONE or any(name == each or name.startswith(f"{each}.") for each in _WITH_ALL_BELOW):
            yield name, module
            for key, value in list(vars(module).items()):
                if isinstance(value, type) and value.__module__ == name:
                    yield f"{name}.{key}", value


def _replaced(owner: Any, before: dict[str, Any]) -> list[tuple[str, Any]]:
    """What of a module or class is another function or class now, and what it was before.

    What is new is nobody's concern, as modules are that are imported meanwhile: but for a method that comes before the
    one that a class inherits.
    """
    now = vars(owner)
    found = [
        (key, value)
        for key, value in before.items()
        if now.get(key, _ABSENT) is not value
        and not _is_wrapped_by_torch(now.get(key), value)
        and (callable(value) or isinstance(value, ModuleType | property | staticmethod | classmethod))
    ]
    if isinstance(owner, type) and len(now) != len(before):
        inherited = owner.__mro__[1:]
        found += [
            (key, _ABSENT)
            for key in now.keys() - before.keys()
            if callable(now[key]) and any(key in vars(base) for base in inherited)
        ]
    return found


def _is_wrapped_by_torch(new: Any, value: Any) -> bool:
    """Whether it is what torch makes of a function of its own when torch._dynamo is imported."""
    by = getattr(new, "__globals__", {}).get("__name__", "")
    return by.startswith("torch.") and getattr(new, "__wrapped__", None) is value
