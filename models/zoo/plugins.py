"""Rows of the zoo that installed packages bring along (entry point group `effmod.models`)."""

import os
import sys
from collections.abc import Collection, Iterator

import msgspec

from models.zoo.errors import PluginError
from models.zoo.spec import ModelSpec

PLUGIN_GROUP = "effmod.models"


def plugin_rows(families: Collection[str]) -> Iterator[ModelSpec]:
    """The rows of every installed plug-in.

    Args:
        families: the zoo's own; a row of none of these must say where its network comes from.

    Raises:
        PluginError: a package offers rows that cannot be read.
    """
    if not _has_plugins():
        return
    from importlib.metadata import entry_points

    from models.zoo.guard import guarded, in_words

    for point in entry_points(group=PLUGIN_GROUP):
        package = point.dist.name if point.dist else "a package"
        where = f"plug-in {point.name!r} of {package}"
        with guarded(where, PluginError):
            try:
                rows = point.load()
                specs = msgspec.convert(rows() if callable(rows) else rows, list[ModelSpec])
            except (Exception, SystemExit) as error:  # whatever a stranger's code raises
                message = f"{where} cannot be read: {in_words(error)}; update or uninstall {package}"
                raise PluginError(message) from error
        for spec in specs:
            if spec.source is None and spec.family not in families:
                raise PluginError(f"{where}: {spec.name!r} is of no family of the zoo, so its row needs a `source`")
        yield from specs


def _has_plugins() -> bool:
    # importlib.metadata takes longer to import than all of the zoo, and most installations have no plug-in.
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                infos = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except NotADirectoryError:
            return True  # a zip archive, into which only importlib.metadata looks
        except OSError:
            continue
        for info in infos:
            try:
                with open(f"{info}/entry_points.txt", "rb") as file:
                    if PLUGIN_GROUP.encode() in file.read():
                        return True
            except OSError:
                continue
    return False
