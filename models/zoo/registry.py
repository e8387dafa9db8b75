"""The zoo's registry: `zoo.json`, one row a network, and the rows of plug-in packages. Reading them imports no torch.

Beside the zoo's names, networks of the user's own are targets: `timm:NAME` and `path/to/file.py:function`.
"""

import fnmatch
import functools
import pkgutil
from collections.abc import Iterable

import msgspec

from models.zoo import named
from models.zoo.errors import ImageSizeError, ModelTargetError, PluginError, UnknownModelError
from models.zoo.plugins import plugin_rows
from models.zoo.spec import Family, ModelSpec


class Zoo(msgspec.Struct, frozen=True, kw_only=True):
    """What `zoo.json` holds."""

    families: dict[str, Family]
    models: list[ModelSpec]


@functools.cache
def read_zoo() -> Zoo:
    """The zoo's own families and rows, without those of plug-ins."""
    content = pkgutil.get_data("models", "zoo.json")
    assert content is not None  # it lies in this package
    return msgspec.json.decode(content, type=Zoo)


@functools.cache
def _rows() -> tuple[ModelSpec, ...]:
    """The zoo's rows, then the plug-ins'."""
    return (*read_zoo().models, *plugin_rows(read_zoo().families))


def index(rows: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    """Rows by name and by alias.

    Raises:
        PluginError: two rows claim one name.
    """
    by_name: dict[str, ModelSpec] = {}
    for row in rows:
        for name in (row.name, *row.aliases):
            if name in by_name:
                raise PluginError(f"two networks are registered as {name!r}: {by_name[name].factory} and {row.factory}")
            by_name[name] = row
    return by_name


@functools.cache
def _by_name() -> dict[str, ModelSpec]:
    return index(_rows())


def list_models(pattern: str = "*", *, family: str | None = None, table: str | None = None) -> list[ModelSpec]:
    """The networks whose name matches a shell pattern such as `efficientmod_*`, in the zoo's order.

    Args:
        family: only networks of this family.
        table: only networks of this table of the paper, such as "12".
    """
    return [
        row
        for row in dict.fromkeys(_by_name().values())
        if fnmatch.fnmatchcase(row.name, pattern)
        and (family is None or row.family == family)
        and (table is None or table in row.tables)
    ]


def list_tables() -> list[str]:
    """The paper's tables that networks of the zoo stand in, in the paper's order; its appendices come last."""
    tables = {table for row in read_zoo().models for table in row.tables}
    return sorted(tables, key=lambda table: (not table.isdecimal(), int(table) if table.isdecimal() else 0, table))


def tables_in_words() -> str:
    """The same for a sentence, numbers that follow each other as one: "1 to 7, 9 to 12, or L"."""
    runs: list[list[str]] = []
    for table in list_tables():
        if runs and table.isdecimal() and int(table) == int(runs[-1][-1]) + 1:
            runs[-1].append(table)
        else:
            runs.append([table])
    *words, last = (f"{run[0]} to {run[-1]}" if len(run) > 1 else run[0] for run in runs)
    return f"{', '.join(words)}, or {last}"


def zoo_row(name: str) -> ModelSpec:
    """The row of the zoo or of a plug-in that has this name, or this alias.

    Raises:
        UnknownModelError: there is none.
        ModelTargetError: it is the name of a Python file, without the function.
    """
    names = _by_name()
    if name in names:
        return names[name]
    if name.endswith(".py"):
        raise ModelTargetError(f"{name}: name the function of it that builds the network, as in {name}:FUNCTION")
    import difflib

    close = difflib.get_close_matches(name, names, n=9, cutoff=0.5)
    near = list(dict.fromkeys(names[spelling].name for spelling in close))[:3]
    hint = f"did you mean {', '.join(map(repr, near))}?" if near else "'effmod list' shows the zoo."
    raise UnknownModelError(
        f"no network {name!r}; {hint} Networks of timm are named as in timm:resnet50, your own path/to/file.py:function"
    )


def family(spec: ModelSpec) -> Family:
    """The paper, repository and licence of a network's family."""
    return spec.source or read_zoo().families[spec.family]


def classes_of(spec: ModelSpec) -> int | None:
    """How many classes a network tells apart: as its name says, or ImageNet-1k's for the zoo; None where it must be
    built to be known."""
    told = named.read(spec.name).arguments.get("num_classes")
    if isinstance(told, int):
        return told
    return 1000 if spec in read_zoo().models else None


def check_image_size(spec: ModelSpec, image_size: int) -> None:
    """Refuse a size that the network cannot take.

    Raises:
        ImageSizeError: the size is too small, or no multiple of what the network's strides need.
    """
    step, smallest = spec.size_multiple, -(-spec.min_size // spec.size_multiple) * spec.size_multiple
    if image_size >= smallest and image_size % step == 0:
        return
    below, above = image_size // step * step, -(-image_size // step) * step
    near = str(smallest) if image_size < smallest else f"{below} or {above}"
    sides = f"of {smallest} or more pixels a side" + (f", a multiple of {step}" if step > 1 else "")
    raise ImageSizeError(f"{spec.name} takes square images {sides}, not {image_size}; try {near}")
