"""What the paper measured, to be measured again: a file each, and a user's own."""

import difflib
import functools
import importlib.resources
from pathlib import Path

from effmod_bench.errors import TargetError
from effmod_bench.suites.read import read_file, read_suite
from effmod_bench.suites.suite import Suite
from effmod_bench.targets.names import check_table

# Figures that are drawn from one forward pass, not measured.
_DRAWN = {"fig4": "visualize", "fig6": "visualize"}


@functools.cache
def list_suites() -> dict[str, Suite]:
    """The suites of the paper by name, tables first, in its order."""
    folder = importlib.resources.files("effmod_bench").joinpath("suites")
    names = [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    ordered = sorted(names, key=lambda name: (name.rstrip("0123456789") != "table", len(name), name))
    return {name: read_suite(name, folder.joinpath(f"{name}.toml").read_text("utf-8"))[0] for name in ordered}


def find_suite(name: str) -> Suite:
    """A suite by its name, such as "table1" or "fig8", by that of a table, or by the path of a file of the user's own.

    Raises:
        TargetError: there is none, or the file is none.
    """
    if "/" in name or name.endswith(".toml"):
        return read_file(Path(name))
    every = list_suites().values()
    known = {alias: suite for suite in every for alias in (suite.name, *suite.aliases, *suite.tables)}
    if name in known:
        return known[name]
    if name in _DRAWN:
        raise TargetError(f"{name} is drawn, not measured: 'effmod {_DRAWN[name]} IMAGE' does it")
    if Path(name).is_dir():
        raise TargetError(
            f"there is no suite {name!r}; the folder, where it is a store, is named by its path: ./{name}"
        )
    nearest = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(list_suites())}."
    raise TargetError(f"there is no suite {name!r}; {hint} A file of your own is named by its path, ./{name}.toml")


def suite_of_table(table: str) -> Suite:
    """The suite of a table of the paper, by the name that `effmod list --table` takes.

    Raises:
        TargetError: there is none.
    """
    check_table(table)
    return next(suite for suite in list_suites().values() if table in suite.tables)
