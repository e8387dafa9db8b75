"""A suite's file, read with what is wrong in it said where it stands."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.suites.suite import Measuring, Quick, Suite, View
from effmod_bench.targets.names import find_networks, is_file
from models import UnknownModelError, list_tables
from models.dense.spec import find_dense, is_dense
from results import Device, Published, Runtime
from results.published import read_table

_LARGEST_BYTES = 1 << 20
_WORDS = {"device": Device, "view": View, "runtime": Runtime}


class SuiteFile:
    """The text of a suite, and where in it something stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._lines = text.splitlines()

    def wrong(self, what: str, *, near: Iterable[str] = (), known: Collection[str] = ()) -> TargetError:
        """What to raise of a fault in it.

        Args:
            near: the words that stand on its line, each after the one before.
            known: what could have stood in the place of the last of them.
        """
        line, words = 0, list(near)
        for before, word in zip([None, *words], words, strict=False):
            pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
            after = line + (word == before)  # the second of two tables of one name
            line = next((i for i, each in enumerate(self._lines[after:], after) if pattern.search(each)), line)
        hint = ""
        if known:
            nearest = difflib.get_close_matches(words[-1], known, 1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else f"; there are {', '.join(known)}"
        where = f", line {line + 1}" if words else ""
        return TargetError(f"{self.name}{where}: {what}{hint}")


def read_suite(name: str, text: str) -> tuple[Suite, SuiteFile]:
    """A suite from its file's text.

    Args:
        name: the suite's, or the file's path.

    Raises:
        TargetError: it is no TOML, has a key or value that there is not, or nothing to measure.
    """
    file = SuiteFile(name, text)
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TargetError(f"{name} is no TOML: {error}") from error
    _check_keys(file, found, Suite, ())
    if not isinstance(found.get("title"), str):
        raise file.wrong("it has no title: write title = 'what it shows' at its beginning")
    runs = _tables(file, found, "measure")
    if not runs:
        raise file.wrong("it measures nothing: add a table [[measure]] with networks = ['efficientmod_*']")
    for number, measuring in enumerate(runs):
        _check_keys(file, measuring, Measuring, ("[[measure]]",) * (number + 1))
    if isinstance(found.get("quick"), dict):
        _check_keys(file, found["quick"], Quick, ("[quick]",))
    _check_words(file, found)
    try:
        suite = msgspec.convert(found | {"name": name}, Suite)
    except msgspec.ValidationError as error:
        raise file.wrong(str(error).partition(" - at")[0], near=_path(error)) from error
    _check(file, suite)
    return suite, file


def _check(file: SuiteFile, suite: Suite) -> None:
    """Refuse what goes together with nothing, or names nothing that there is."""
    for table in suite.tables:
        if table not in list_tables():
            raise file.wrong(f"the paper has no table {table!r} of networks", near=["tables"], known=list_tables())
    of_paper = {"published": suite.published, "columns": suite.columns, "beside": suite.beside}
    if not suite.tables and (given := [key for key, value in of_paper.items() if value]):
        raise file.wrong(f"{given[0]!r} goes with tables = [...], whose networks are the paper's", near=[given[0]])
    if suite.published is not None:
        try:
            columns = list(read_table(suite.published)[0])
        except FileNotFoundError:
            raise file.wrong(f"nothing is published as {suite.published!r}", near=["published"]) from None
        for column in suite.columns or ():
            if column not in columns:
                raise file.wrong(f"there is no column {column!r}", near=["columns", column], known=columns)
    known = [name for name in Published.__struct_fields__ if name.endswith("_ms")]
    for figure in [figure for beside in suite.beside.values() for figure in beside.values()]:
        if figure not in known:
            raise file.wrong(f"there is no published figure {figure!r}", near=["beside", figure], known=known)
    if not suite.devices:
        raise file.wrong("it is for no device: write devices = ['cpu']", near=["devices"])
    for number, measuring in enumerate(suite.measure, start=1):
        near = ["[[measure]]"] * number
        networks = suite.networks_of(measuring)
        if not networks:
            raise file.wrong("it names no networks: add networks = ['efficientmod_*']", near=near)
        if measuring.in_turn and len(networks) == 1 and not set(networks[0]) & set("*?["):
            raise file.wrong(f"{networks[0]} alone is nothing to time in turn: name another", near=near)
        if suite.view is View.PAIRS and not measuring.in_turn:
            raise file.wrong('view = "pairs" shows what is timed in turn: add in-turn = true', near=near)


def read_file(path: Path) -> Suite:
    """The suite of a file of the user's own.

    Raises:
        TargetError: it cannot be read, names a network that there is not, or as `read_suite`.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read(_LARGEST_BYTES)
        suite, file = read_suite(str(path), content.decode("utf-8-sig"))
    except OSError as error:
        raise TargetError(f"cannot read the suite {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TargetError(f"the suite {path} is not text in UTF-8") from error
    for number, measuring in enumerate(suite.measure, start=1):
        for name in measuring.networks:
            try:
                if is_dense(name):
                    find_dense(name)
                elif not is_file(name):
                    find_networks([name])
            except (UnknownModelError, TargetError) as error:
                raise file.wrong(str(error), near=[*(["[[measure]]"] * number), name]) from error
    return suite


def _path(error: msgspec.ValidationError) -> list[str]:
    """Where in a suite a value of another type stands, such as `$.measure[1].runs`."""
    found: list[str] = []
    for key, number in re.findall(r"\.([\w-]+)(?:\[(\d+)\])?", str(error).rpartition("$")[2]):
        found += [f"[[{key}]]"] * (int(number) + 1) if key == "measure" else [key]
    return found


def _tables(file: SuiteFile, found: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = found.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise file.wrong(f"write each run as a table of its own, [[{key}]]", near=[key])
    return tables


def _check_keys(file: SuiteFile, table: dict[str, Any], kind: type[msgspec.Struct], near: tuple[str, ...]) -> None:
    known = [field.encode_name for field in msgspec.structs.fields(kind) if field.name != "name"]
    for key in table:
        if key not in known:
            raise file.wrong(f"there is no key {key!r}", near=(*near, key), known=known)


def _check_words(file: SuiteFile, found: dict[str, Any]) -> None:
    """Refuse words that are none of those that there are, by name and with the nearest one."""
    devices = found.get("devices", [])
    named = [("device", each) for each in (devices if isinstance(devices, list) else [])]
    if isinstance(found.get("beside"), dict):
        named += [("device", each) for each in found["beside"]]
    if "view" in found:
        named.append(("view", found["view"]))
    named += [("runtime", each["runtime"]) for each in found.get("measure", []) if "runtime" in each]
    for what, word in named:
        known = [str(each) for each in _WORDS[what]]
        if isinstance(word, str) and word not in known:
            raise file.wrong(f"there is no {what} {word!r}", near=[word], known=known)
