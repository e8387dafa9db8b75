"""Networks of the user's own: `path/to/file.py:function`, where the function returns a `torch.nn.Module`."""

import functools
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from models.zoo.errors import ModelTargetError


def load(target: str) -> Callable[..., nn.Module]:
    """The function that `target` names; calling it gives a network, or says what is wrong with it.

    The file's folder is not searched for what it imports: a `models` or `results` beside it would shadow effmod's.

    Raises:
        ModelTargetError: there is no such file, it cannot be imported, or it has no such function.
    """
    file, _, name = target.rpartition(":")
    path = Path(file).resolve()
    if not path.is_file():
        raise ModelTargetError(f"{target}: there is no file {path}")
    module = _module(path, path.stat().st_mtime_ns)
    functions = [k for k, v in vars(module).items() if inspect.isfunction(v) and v.__module__ == module.__name__]
    function = getattr(module, name, None)
    if isinstance(function, nn.Module):
        raise ModelTargetError(
            f"{target} is a network, not a function that returns one; write 'def build(): return {name}' below it, and "
            f"name {file}:build"
        )
    if not callable(function):
        has = f"it has {', '.join(functions)}" if functions else "it defines none"
        raise ModelTargetError(f"{path} has no function {name!r}; {has}")

    @functools.wraps(function)
    def build(**kwargs: Any) -> nn.Module:
        try:
            model = function(**kwargs)
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            raise ModelTargetError(f"{target} failed{_line(error, path)}: {_said(error)}") from error
        if not isinstance(model, nn.Module):
            raise ModelTargetError(f"{target} returned a {type(model).__name__}, not a torch.nn.Module")
        return model

    return build


@functools.cache
def _module(path: Path, _changed: int) -> Any:
    name = f"effmod_user_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        del sys.modules[name]
        advice = "; install it, the file's own folder is not searched" if isinstance(error, ImportError) else ""
        message = f"{path} cannot be imported, it failed{_line(error, path)}: {_said(error)}{advice}"
        raise ModelTargetError(message) from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """Where in the file it happened: the last line of it that was running."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" at line {lines[-1]}" if lines else ""


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
