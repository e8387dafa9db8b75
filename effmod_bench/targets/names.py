"""Targets of a command: names and patterns of the zoo, networks, ONNX files and Core ML packages of the user's own."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from effmod_bench.errors import TargetError, UnfinishedError
from effmod_bench.isolation.apart import apart
from exporters import Format
from exporters.stage import Stage
from models import ModelSpec, ModelTargetError, UnknownModelError, find_model, list_models, list_tables
from models.dense.spec import is_dense
from models.zoo.named import split
from models.zoo.registry import read_zoo
from models.zoo.spec import TIMM_PREFIX, has_row, is_function, is_own
from results import InputTensor

_PACKAGE = ".mlpackage"
_WEIGHTS = (".pth", ".pt", ".safetensors", ".ckpt")
DEFAULT_TARGETS = ("efficientmod_xxs", "efficientmod_xs", "efficientmod_s", "efficientmod_s_conv")


def is_file(target: str) -> bool:
    """Whether a target is an ONNX file or a Core ML package, not the name of a network.

    Raises:
        TargetError: it is a file of a network's weights.
    """
    path = Path(target)
    suffix = path.suffix.lower()
    if suffix in (".onnx", _PACKAGE):
        return True
    if not path.is_file() or suffix == ".py" or ".py:" in target:
        return False
    if any(each in _WEIGHTS for each in map(str.lower, path.suffixes)):
        raise TargetError(
            f"{path} is no .onnx file: weights alone say nothing of their network. Name the network, and give the file "
            f"with --checkpoint {path}"
        )
    return True


def is_of_effmod(name: str) -> bool:
    """Whether a network's code is known by its name: of the zoo's own rows, or timm's; no plug-in's, nor a file's."""
    base, _ = split(name)
    if base.startswith(TIMM_PREFIX):
        own = base.removeprefix(TIMM_PREFIX)
        return own.replace("_", "").replace(".", "").isalnum()  # a name of timm's, and no address to fetch one from
    if is_function(name) or set(base) & set("*?[/\\"):
        return False
    return is_dense(name) or any(base in (row.name, *row.aliases) for row in read_zoo().models)


def file_format(path: Path) -> Format:
    """Which of the two kinds a file says that it is."""
    return Format.COREML if path.suffix.lower() == _PACKAGE else Format.ONNX


def check_file(path: Path, format_: Format) -> None:
    """Refuse a file of the kind that the device does not run.

    Raises:
        TargetError: it is of that kind.
    """
    if file_format(path) is not format_:
        advice = "give --device coreml" if format_ is Format.ONNX else "leave --device coreml out"
        raise TargetError(f"{path} is no {format_} file; {advice}, or name the network instead")


def split_files(targets: Sequence[str], table: str | None, input_shapes: Sequence[str]) -> list[Path]:
    """The .onnx files, where the targets of an export are files; none where they are networks.

    Raises:
        TargetError: they are of both kinds, one is a Core ML package, or a shape is given without a file.
    """
    files = [Path(target) for target in targets if is_file(target)]
    packages = [file for file in files if file_format(file) is Format.COREML]
    if packages:
        raise TargetError(f"{packages[0]} is a Core ML package; only networks and .onnx files are rewritten")
    if files and (table is not None or len(files) < len(targets)):
        raise TargetError(f"{files[0]} is a file, to be rewritten; export networks in a command of their own")
    if input_shapes and not files:
        raise TargetError("--input-shape is for .onnx files, and no target is one; --image-size is for networks")
    return files


def network_input(batch_size: int, image_size: int) -> InputTensor:
    """The images that a network takes."""
    return InputTensor(name="input", shape=(batch_size, 3, image_size, image_size), dtype="float")


def check_table(table: str) -> None:
    """Refuse a table of the paper in which no network stands.

    Raises:
        TargetError: it is none.
    """
    if table not in list_tables():
        raise TargetError(f"the paper has no table {table!r} of networks; there are {', '.join(list_tables())}")


def refuse_dense(target: str) -> None:
    """Refuse a detector or segmenter where a network or a file is meant.

    Raises:
        TargetError: it is one.
    """
    if is_dense(target):
        raise TargetError(
            f"{target} is a detector or segmenter, which PyTorch runs as it is, and no file is made of it: "
            f"'effmod bench {target} --runtime pytorch' times it"
        )


def find_network(name: str, *, image_size: int | None = None) -> ModelSpec:
    """The row of one network; one that has none in the zoo is built and counted for it, apart from this process.

    Raises:
        TargetError: it is a detector or segmenter, or a file with arguments.
        UnknownModelError: there is none; or there is, and what it names cannot be built or run.
        UnfinishedError: building or running it crashed, or took too long.
    """
    refuse_dense(name)
    base, arguments = split(name)
    if arguments and is_file(base):
        raise TargetError(f"{name}: {base} is a file, and its network is as it is; leave {arguments} out")
    if has_row(name):
        return find_model(name, image_size=image_size)
    return _count(name, image_size) if is_own(name) else _count_once(name, image_size)


def _count(name: str, image_size: int | None) -> ModelSpec:
    return apart(functools.partial(find_model, name, image_size=image_size), what=name, stage=Stage.LOADING)


# A user's file may change between two calls; the zoo with arguments does not, and a suite asks for dozens, twice.
_count_once = functools.cache(_count)


def find_networks(
    targets: Sequence[str],
    *,
    image_size: int | None = None,
    family: str | None = None,
    table: str | None = None,
    on_failure: Callable[[str, Exception], None] | None = None,
) -> list[ModelSpec]:
    """The networks that names and patterns stand for, each once, in the order given.

    Args:
        family, table: of what a pattern stands for, only the networks of this family, of this table of the paper.
        on_failure: told of each that cannot be built or run, which is left out; None to raise that.

    Raises:
        TargetError: there is no such table, or a target is a detector or segmenter.
        UnknownModelError: a name or pattern stands for none.
        UnfinishedError: building one crashed, or took too long.
    """
    if table is not None:
        check_table(table)
    found: dict[str, ModelSpec] = {}
    for target in targets:
        refuse_dense(target)
        base, arguments = split(target)
        if not is_function(target) and any(character in base for character in "*?["):
            if arguments:
                raise TargetError(f"{target}: arguments are for one network, not for a pattern; name it, or each")
            matches = list_models(target, family=family, table=table)
            if not matches:
                what = "" if target == "*" else f" matches {target!r}"
                within = [f"{word} {value!r}" for word, value in (("family", family), ("table", table)) if value]
                where = f" in {' and '.join(within)}" if within else ""
                families = ", ".join(sorted({spec.family for spec in list_models()}))
                hint = f"families: {families}" if family else "'effmod list' shows the zoo"
                if target.startswith("timm:"):
                    hint = "patterns are for the zoo: name networks of timm one by one, as in timm:resnet50"
                raise UnknownModelError(f"no network{what}{where}; {hint}")
        else:
            try:
                matches = [find_network(target, image_size=image_size)]
            except (ModelTargetError, UnfinishedError) as error:
                if on_failure is None:
                    raise
                on_failure(target, error)
                continue
        found |= {spec.name: spec for spec in matches}
    return list(found.values())
