"""The modules beside a network's file of the user's own: it may import them, and nobody else gets to see them."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

OURS = ("models", "exporters", "effmod_bench", "results")


class Neighbours:
    """The modules of one folder.

    While a file's code runs, its folder is searched after all others, so that no `models` or `json.py` in it comes
    before effmod's own or Python's. Two folders may have modules of one name: those of the folder that was searched
    last are loaded.

    Attributes:
        modules: that were loaded from the folder, by name.
    """

    _latest: "Neighbours | None" = None

    def __init__(self, folder: Path) -> None:
        self.modules: dict[str, ModuleType] = {}
        self._folder = folder
        self._searched = [str(folder)]

    @contextmanager
    def searched(self) -> Iterator[None]:
        """Let imports find them. Folders that the file adds to the search path are searched from now on, too."""
        self._take_the_place()
        importlib.invalidate_caches()
        path, loaded = list(sys.path), set(sys.modules)
        sys.path += [folder for folder in self._searched if folder not in path]
        try:
            yield
        finally:
            self._searched += [folder for folder in sys.path if folder not in (*path, *self._searched)]
            sys.path[:] = path
            new = sys.modules.keys() - loaded
            self.modules |= {name: sys.modules[name] for name in sorted(new) if self._has(name)}

    def stay_searched(self) -> None:
        """Let imports find them from now on, in a process that runs this network alone, which may import more then."""
        self._take_the_place()
        sys.path += [folder for folder in self._searched if folder not in sys.path]

    def files(self) -> list[Path]:
        """Where the modules were loaded from."""
        found = (getattr(module, "__file__", None) for module in self.modules.values())
        return [Path(file) for file in found if file is not None]

    def forget(self) -> None:
        """Unload the modules, so that they are read again."""
        for name in self.modules:
            sys.modules.pop(name, None)
        self.modules.clear()

    def advice(self, error: BaseException) -> str:
        """What helps against an import that failed; empty where it was something else."""
        if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
            return self._hidden(error.obj.__name__)
        if not isinstance(error, ImportError):
            return ""
        if "relative import" in str(error):
            return "; the file is no part of a package: import modules beside it by their names, without a dot"
        advice = self._hidden(error.name or "")
        if advice or not isinstance(error, ModuleNotFoundError):
            return advice
        return f"; install it in effmod's environment, or put it beside the file, into {self._folder}"

    def _hidden(self, name: str) -> str:
        """What to say of a module of the folder in whose place another one was found."""
        top = name.partition(".")[0]
        beside = next((path for path in (self._folder / f"{top}.py", self._folder / top) if path.exists()), None)
        if not top or beside is None or top not in sys.modules or self._has(top):
            return ""
        first = "effmod's own" if top in OURS else getattr(sys.modules[top], "__file__", None) or "Python's own"
        return f"; {beside} is not found, since {first} has the same name and comes first: rename it"

    def _has(self, name: str) -> bool:
        """Whether a module, or the package that it is in, lies in a folder that is searched for this file alone."""
        top = name.partition(".")[0]
        module = sys.modules.get(top)
        if top in OURS or module is None:
            return False
        file = getattr(module, "__file__", None)
        places = [*getattr(module, "__path__", ())] or ([] if file is None else [file])
        folders = {os.path.realpath(folder) for folder in self._searched}
        return any(os.path.realpath(Path(place).parent) in folders for place in places)

    def _take_the_place(self) -> None:
        """Take the modules of the folder that was searched last away, and bring this one's back."""
        if Neighbours._latest is self:
            return
        if Neighbours._latest is not None:
            for name in Neighbours._latest.modules:
                sys.modules.pop(name, None)
        sys.modules.update(self.modules)
        Neighbours._latest = self
