"""Networks of the user's own: `path/to/file.py:function`, where the function returns a `torch.nn.Module`."""

import functools
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from models.zoo import named
from models.zoo.errors import ModelTargetError, UnknownModelError
from models.zoo.guard import guarded, in_words
from models.zoo.neighbours import Neighbours


class UserFile:
    """A Python file of the user's own, imported.

    Raises:
        ModelTargetError: it cannot be imported, or it does to effmod what no network's file may.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.neighbours = Neighbours(path.parent)
        self._changed_ns: dict[Path, int] = {}
        self.module = self._import()

    def _import(self) -> ModuleType:
        name = f"effmod_user_{self.path.stem}_{hashlib.sha256(bytes(self.path)).hexdigest()[:8]}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None  # the name ends in .py
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        try:
            with self.running(str(self.path), "cannot be imported, it failed"):
                spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            self.neighbours.forget()
            raise
        return module

    @contextmanager
    def running(self, who: str, failed: str) -> Iterator[None]:
        """Let its code run, which finds the modules beside it.

        Args:
            who: what of it runs.
            failed: what is said where it raises something, before the line and the cause.

        Raises:
            ModelTargetError: it failed, or did to effmod what no network's file may.
        """
        with guarded(who, ModelTargetError):
            try:
                with self.neighbours.searched():
                    yield
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever the user's code raises
                said = f"{failed}{self._line(error)}: {in_words(error)}{self.neighbours.advice(error)}"
                raise ModelTargetError(f"{who} {said}") from error
        for file in self.files():
            self._changed_ns.setdefault(file, _changed_ns(file))

    def files(self) -> list[Path]:
        """The file, and those of the modules beside it that it has imported so far."""
        return [self.path, *self.neighbours.files()]

    def is_current(self) -> bool:
        """Whether none of its files was changed since it was read."""
        return all(_changed_ns(file) == then for file, then in self._changed_ns.items())

    def _line(self, error: BaseException) -> str:
        """Where in the file it happened: the last line of it that was running."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(self.path)]
        return f" at line {lines[-1]}" if lines else ""


_read: dict[Path, UserFile] = {}


def read(target: str) -> UserFile:
    """The file of a target, imported once for as long as neither it nor a module beside it that it uses is changed.

    Raises:
        UnknownModelError: there is no such file.
        ModelTargetError: as `UserFile`.
    """
    path = file_of(target).resolve()
    if not path.is_file():
        raise UnknownModelError(f"{target}: there is no file {path}")
    known = _read.get(path)
    if known is not None and not known.is_current():
        known.neighbours.forget()
        del _read[path]
    if path not in _read:
        _read[path] = UserFile(path)
    return _read[path]


def file_of(target: str) -> Path:
    """The file that a target names."""
    return Path(named.split(target)[0].rpartition(":")[0])


def _changed_ns(file: Path) -> int:
    return file.stat().st_mtime_ns if file.is_file() else 0


def load(target: str) -> Callable[..., nn.Module]:
    """The function that `target` names; calling it gives a network, or says what is wrong with it.

    Args:
        target: arguments in it are not the function's until it is called with them.

    Raises:
        UnknownModelError: there is no such file, or it has no such function.
        ModelTargetError: it cannot be imported.
    """
    file, base = read(target), named.split(target)[0]
    path, _, name = base.rpartition(":")
    function = getattr(file.module, name, None)
    if isinstance(function, nn.Module):
        raise ModelTargetError(
            f"{base} is a network, not a function that returns one; write 'def build(): return {name}' below it, and "
            f"name {path}:build"
        )
    if not callable(function):
        own = [
            k for k, v in vars(file.module).items() if inspect.isfunction(v) and v.__module__ == file.module.__name__
        ]
        has = f"it has {', '.join(own)}" if own else "it defines none"
        raise UnknownModelError(f"{file.path} has no function {name!r}; {has}")

    @functools.wraps(function)
    def build(**kwargs: Any) -> nn.Module:
        named.check(target, function, kwargs)
        with file.running(target, "failed"):
            model = function(**kwargs)
        if not isinstance(model, nn.Module):
            raise ModelTargetError(f"{target} returned a {type(model).__name__}, not a torch.nn.Module")
        return model

    return build
