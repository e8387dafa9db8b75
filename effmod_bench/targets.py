"""Targets of a command: names and patterns of the zoo, networks, ONNX files and Core ML packages of the user's own."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from exporters import (
    DEFAULT_OPSET,
    DEFAULT_PRECISION,
    PRETRAINED,
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    ExportConfig,
    Format,
    InputKind,
    OnnxConfig,
)
from exporters.onnx import rewrites as onnx_rewrites
from exporters.rewrites import AUTO, EXACT, RETRAIN, default_rewrites
from models import ModelSpec, UnknownModelError, check_image_size, classes_of, find_model, list_models, list_tables
from results import InputTensor

_PACKAGE = ".mlpackage"
_WEIGHTS = (".pth", ".pt", ".safetensors", ".ckpt")
DEFAULT_TARGETS = ("efficientmod_xxs", "efficientmod_xs", "efficientmod_s", "efficientmod_s_conv")


class Purpose(StrEnum):
    """What a package is made for, where that decides its form."""

    MODELBENCH = "modelbench"


# Where an option is not called as its field is.
_OPTIONS = {"simplify": "--no-simplify", "purpose": "--for"}


class ExportChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The export's options as the user gave them; None where a network's own value, or the format's default, holds."""

    format: Format = Format.ONNX
    image_size: int | None = None
    batch_size: int = 1
    checkpoint: Path | None = None
    dynamic_batch: bool = False
    opset: int = DEFAULT_OPSET
    simplify: bool = True
    target: DeploymentTarget | None = None
    compute_precision: ComputePrecision | None = None
    input: InputKind | None = None
    labels: tuple[str, ...] | None = None
    softmax: bool = False
    compress: Compression | None = None
    purpose: Purpose | None = None
    rewrite: str | None = None

    def given(self, *, apart_from: Collection[str]) -> list[str]:
        """The options that the user gave, as they are written, other than those of these fields."""
        default = ExportChoices()
        return [
            _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            for name in self.__struct_fields__
            if name not in apart_from and getattr(self, name) != getattr(default, name)
        ]

    def rewrites(self) -> tuple[str, ...]:
        """Names of the rewrites, in the order in which they are applied.

        Raises:
            TargetError: one of them does not exist.
        """
        match self.rewrite:
            case None:
                precision = self.compute_precision or DEFAULT_PRECISION[self.format]
                return default_rewrites(self.format, precision, dynamic_batch=self.dynamic_batch)
            case "auto":
                return AUTO[self.format]
            case "none":
                return ()
            case given:
                return _chosen(given, (*EXACT, *RETRAIN))

    def file_rewrites(self) -> tuple[str, ...]:
        """Names of the rewrites of an .onnx file of the user's own, in the order in which they are applied.

        Raises:
            TargetError: one of them does not exist, none is asked for, or an option is for networks alone.
        """
        foreign = self.given(apart_from=("batch_size", "rewrite"))
        if foreign:
            raise TargetError(f"{foreign[0]} is for networks of 'effmod list'; an .onnx file is only rewritten")
        given = self.rewrite or "auto"
        if given == "none":
            raise TargetError("--rewrite none leaves nothing to do with an .onnx file")
        return onnx_rewrites.NAMES if given == "auto" else _chosen(given, onnx_rewrites.NAMES)

    def config(self, spec: ModelSpec) -> ExportConfig:
        """What the choices come to for one network.

        Raises:
            TargetError: they contradict each other, or are of another format.
        """
        self._check_format()
        image_size = self.image_size or spec.image_size
        compute_precision = self.compute_precision or DEFAULT_PRECISION[self.format]
        modelbench = self.purpose is Purpose.MODELBENCH
        try:
            if self.format is Format.ONNX:
                return OnnxConfig(
                    image_size=image_size,
                    batch_size=self.batch_size,
                    dynamic_batch=self.dynamic_batch,
                    opset=self.opset,
                    simplify=self.simplify,
                    compute_precision=compute_precision,
                    rewrites=self.rewrites(),
                )
            return CoreMLConfig(
                image_size=image_size,
                batch_size=self.batch_size,
                target=self.target or (DeploymentTarget.IOS15 if modelbench else DeploymentTarget.IOS16),
                compute_precision=compute_precision,
                input=self.input or InputKind.IMAGE,
                labels=self.labels,
                softmax=self.softmax,
                compress=self.compress or Compression.NONE,
                modelbench=modelbench,
                rewrites=self.rewrites(),
            )
        except ValueError as error:
            raise TargetError(str(error)) from error

    def _check_format(self) -> None:
        onnx = {
            "--dynamic-batch": self.dynamic_batch,
            "--opset": self.opset != DEFAULT_OPSET,
            "--no-simplify": not self.simplify,
        }
        coreml = {
            "--target": self.target,
            "--input": self.input,
            "--labels": self.labels,
            "--softmax": self.softmax,
            "--compress": self.compress,
            "--for": self.purpose,
        }
        foreign, owner = (coreml, Format.COREML) if self.format is Format.ONNX else (onnx, Format.ONNX)
        given = [name for name, value in foreign.items() if value]
        if given:
            raise TargetError(f"{given[0]} goes with --format {owner}, not with --format {self.format}")


def _chosen(given: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The rewrites that the user named, in their own order."""
    names = given.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TargetError(f"no rewrite {unknown[0]!r}; there are auto, none, {', '.join(known)}")
    return tuple(name for name in known if name in names)


def read_labels(path: Path | None) -> tuple[str, ...] | None:
    """The class names in a file, one a line; an empty line at the end counts for nothing.

    Raises:
        TargetError: the file cannot be read, or a name is empty or stands there twice: a classifier's result has one
            entry a name.
    """
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TargetError(f"{path} is not text in UTF-8; write one label a line") from error
    first: dict[str, int] = {}
    for number, label in enumerate(map(str.strip, lines), start=1):
        if not label:
            raise TargetError(f"{path}: line {number} is empty; write one label a line")
        if label in first:
            raise TargetError(
                f"{path}: lines {first[label]} and {number} are both {label!r}, and a classifier's result has one "
                "entry a label; tell them apart"
            )
        first[label] = number
    if not first:
        raise TargetError(f"{path} is empty; write one label a line")
    return tuple(first)


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


def check_checkpoint(checkpoint: Path | None, networks: Sequence[ModelSpec]) -> None:
    """Refuse one checkpoint for several networks.

    Raises:
        TargetError: that was asked.
    """
    if checkpoint is not None and checkpoint != PRETRAINED and len(networks) != 1:
        names = ", ".join(spec.name for spec in networks) or "none"
        raise TargetError(
            f"--checkpoint {checkpoint} holds one network's weights; name that network alone, not {names}"
        )


def check_image_sizes(choices: ExportChoices, networks: Sequence[ModelSpec]) -> None:
    """Refuse an image size before anything is exported, not when the network's turn comes.

    Raises:
        ImageSizeError: a network cannot take it.
        TargetError: so many images of that size are more than this machine can hold.
    """
    for spec in networks:
        size = choices.image_size or spec.image_size
        check_image_size(spec, size)
        check_memory(spec.name, network_input(choices.batch_size, size))


def network_input(batch_size: int, image_size: int) -> InputTensor:
    """The images that a network takes."""
    return InputTensor(name="input", shape=(batch_size, 3, image_size, image_size), dtype="float")


def check_memory(target: str, tensor: InputTensor) -> None:
    """Refuse an input that this machine cannot hold, before a process tries to make it.

    Args:
        target: what it is fed to.

    Raises:
        TargetError: making it takes more memory than there is.
    """
    from effmod_bench.instrument.machine.memory import usable_memory_bytes
    from effmod_bench.instrument.process.inputs import bytes_to_make

    needed, there_is = bytes_to_make(tensor), usable_memory_bytes()
    if needed > there_is:
        raise TargetError(
            f"{target}: to make input {tensor.name!r} of shape {','.join(map(str, tensor.shape))} takes "
            f"{needed / 1e9:,.1f} GB, and this machine has {there_is / 1e9:,.1f} GB of memory; give a smaller "
            "--input-shape, --image-size or --batch-size, or measure where there is more"
        )


def check_labels(choices: ExportChoices, networks: Sequence[ModelSpec]) -> None:
    """Refuse labels that are not as many as a network's classes, before it is built where it is one of the zoo.

    Raises:
        TargetError: they are fewer or more.
    """
    for spec in networks:
        if choices.labels is not None and classes_of(spec) not in (None, len(choices.labels)):
            raise TargetError(
                f"--labels has {len(choices.labels)} names, and {spec.name} tells {classes_of(spec)} classes apart; "
                "write one label a line, in the order of the classes"
            )


def check_table(table: str) -> None:
    """Refuse a table of the paper in which no network stands.

    Raises:
        TargetError: it is none.
    """
    if table not in list_tables():
        raise TargetError(f"the paper has no table {table!r} of networks; there are {', '.join(list_tables())}")


def find_networks(
    targets: Sequence[str], *, image_size: int | None = None, family: str | None = None, table: str | None = None
) -> list[ModelSpec]:
    """The networks that names and patterns stand for, each once, in the order given.

    Args:
        family, table: of what a pattern stands for, only the networks of this family, of this table of the paper.

    Raises:
        TargetError: there is no such table.
        UnknownModelError: a name or pattern stands for none.
    """
    if table is not None:
        check_table(table)
    found: dict[str, ModelSpec] = {}
    for target in targets:
        if any(character in target for character in "*?["):
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
            matches = [find_model(target, image_size=image_size)]
        found |= {spec.name: spec for spec in matches}
    return list(found.values())


def parse_batch_sizes(text: str) -> tuple[int, ...]:
    """`8` or `1,2,4`, each once.

    Raises:
        TargetError: one of them is no positive number.
    """
    sizes = dict.fromkeys(part.strip() for part in text.split(","))
    wrong = [size for size in sizes if not size.isdecimal() or int(size) < 1]
    if wrong:
        raise TargetError(f"--batch-size {text!r}: {wrong[0]!r} is no number of images; write 8, or 1,2,4")
    return tuple(map(int, sizes))


def parse_input_shapes(texts: Sequence[str]) -> dict[str | None, tuple[int, ...]]:
    """`NAME:1,3,224,224`, or `1,3,224,224` for the only input (under None), as shapes.

    Raises:
        TargetError: a shape is no list of positive numbers.
    """
    shapes: dict[str | None, tuple[int, ...]] = {}
    for text in texts:
        name, colon, numbers = text.rpartition(":")
        try:
            shape = tuple(int(number) for number in numbers.split(","))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1:
            raise TargetError(f"--input-shape {text!r} is no shape; write it as 1,3,224,224 or NAME:1,3,224,224")
        shapes[name if colon else None] = shape
    return shapes


def resolve_shape(
    name: str,
    declared: Sequence[int | str] | None,
    given: tuple[int, ...] | None,
    *,
    path: Path,
    batch_size: int,
) -> tuple[int, ...]:
    """The shape to feed to one input of a user's own file, which declares None where it does not say.

    What the user gave must fit what the file declares. Without it, an open first dimension is the batch, and
    any other open one is refused by name.

    Raises:
        TargetError: a dimension is open or 0, or the given shape does not fit the file, or the batch size.
    """
    if declared is None:
        if given is None:
            raise TargetError(f"{path}: input {name!r} has no shape; give it, as in --input-shape {name}:1,3,224,224")
        declared = given
    text = ",".join(map(str, declared))
    if 0 in declared:
        raise TargetError(f"{path}: input {name!r} has shape {text}, which holds nothing: there is nothing to compute")
    if given is not None:
        if len(given) != len(declared) or any(
            isinstance(d, int) and d != g for d, g in zip(declared, given, strict=False)
        ):
            raise TargetError(
                f"{path}: input {name!r} has shape {text}, and --input-shape gives {','.join(map(str, given))}"
            )
        if batch_size != 1 and given and given[0] != batch_size:
            raise TargetError(
                f"{path}: for input {name!r} --input-shape gives {','.join(map(str, given))}, a batch of {given[0]}, "
                f"and --batch-size gives {batch_size}; leave --batch-size out"
            )
        return given
    open_dims = [d for i, d in enumerate(declared) if isinstance(d, str) and i > 0]
    if open_dims:
        example = ",".join(
            str(d) if isinstance(d, int) else str(batch_size) if i == 0 else "224" for i, d in enumerate(declared)
        )
        raise TargetError(
            f"{path}: input {name!r} has shape {text}, whose dimensions {', '.join(map(str, open_dims))} are open; "
            f"give its shape, as in --input-shape {name}:{example}"
        )
    if declared and batch_size != 1 and declared[0] != batch_size and not isinstance(declared[0], str):
        raise TargetError(
            f"{path}: input {name!r} has shape {text}, a fixed batch, and --batch-size gives {batch_size}"
        )
    return tuple(batch_size if isinstance(d, str) else d for d in declared)
