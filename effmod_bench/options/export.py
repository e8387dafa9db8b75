"""Options of the file that is made of a network."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from effmod_bench.errors import TargetError
from effmod_bench.options.option import APPLE, FILE, option
from effmod_bench.options.parse import is_positive, the_only_one
from exporters import (
    DEFAULT_OPSET,
    DEFAULT_PRECISION,
    OLDEST_OPSET,
    RANDOM,
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    ExportConfig,
    Format,
    InputKind,
    OnnxConfig,
)
from exporters.config import FastOn
from exporters.feeds.given import Given
from exporters.onnx import rewrites as onnx_rewrites
from exporters.rewrites import AUTO, EXACT, RETRAIN, default_rewrites
from models import ModelSpec

_LABELS_BYTES = 1 << 24
_MOST_SIZES = 1000  # nobody waits for more


class Purpose(StrEnum):
    """What a file or package is made for, where that decides its form."""

    MODELBENCH = "modelbench"
    ONNXRUNTIME = FastOn.ONNXRUNTIME
    OPENVINO = FastOn.OPENVINO


_FOR_ONNX = (Purpose.ONNXRUNTIME, Purpose.OPENVINO)
"""Those of an ONNX file."""


ImageSize = Annotated[
    str | None,
    option(
        metavar="N",
        help="Side of the square input in pixels.",
        panel=FILE,
        show_default="the network's own",
    ),
]
BatchSize = Annotated[str, option("--batch-size", "-b", metavar="N", help="Images in one inference.", panel=FILE)]
Checkpoint = Annotated[
    list[str] | None,
    option(
        metavar="PATH",
        help="Trained weights: a .pth, .pth.tar or .safetensors file, or 'pretrained' to fetch timm's own. For each "
        "of several networks NAME=PATH.",
        panel=FILE,
        show_default="random weights, seed 0; a function's own",
    ),
]


NumClasses = Annotated[
    int | None,
    option(
        "--num-classes",
        metavar="N",
        min=1,
        help="Classes that the network tells apart.",
        panel=FILE,
        rare=True,
        show_default="as many as its checkpoint has, or its own",
    ),
]


def parse_checkpoints(texts: Sequence[str] | None) -> tuple[Path | None, tuple[tuple[str, Path], ...]]:
    """`net.pth` as the one checkpoint, or `efficientmod_xxs=net.pth`, once for each network, by their names.

    Raises:
        TargetError: several have no name, or one has two.
    """
    alone: list[Path] = []
    by_name: dict[str, Path] = {}
    for text in texts or ():
        name, path = _name_and_path(text)
        if name is None:
            alone.append(path)
        elif name in by_name:
            raise TargetError(f"--checkpoint is given twice for {name}; leave one out")
        else:
            by_name[name] = path
    if len(alone) > 1 or (alone and by_name):
        raise TargetError(
            f"--checkpoint {alone[-1]}: of several checkpoints each says whose it is, as in "
            f"efficientmod_xxs={alone[-1]}"
        )
    return (alone[0] if alone else None), tuple(by_name.items())


def checkpoint_paths(texts: Sequence[str] | None) -> list[Path]:
    """All checkpoints of a command that knows them by their hash, whatever network they are given for."""
    return [_name_and_path(text)[1] for text in texts or ()]


def one_checkpoint(texts: Sequence[str] | None) -> tuple[str | None, Path | None]:
    """The one checkpoint of a command that takes one network, and the name that it is given by, if any.

    Raises:
        TargetError: there are several.
    """
    alone, by_name = parse_checkpoints(texts)
    if len(by_name) > 1:
        raise TargetError(
            f"--checkpoint {by_name[1][0]}={by_name[1][1]}: one network has one checkpoint; leave one out"
        )
    return by_name[0] if by_name else (None, alone)


def _name_and_path(text: str) -> tuple[str | None, Path]:
    """Arguments of a network have an equals sign, too, and so may the name of a file that is there."""
    if "=" not in text or Path(text).exists():
        return None, Path(text)
    begin = _end_of_arguments(text) if 0 <= text.find("(") < text.index("=") else 0
    name, equals, path = text[begin:].partition("=")
    return (text[:begin] + name, Path(path)) if equals and path else (None, Path(text))


def _end_of_arguments(text: str) -> int:
    """Where the parenthesis closes that opens first, behind others within it; 0 where it does not."""
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth == 0:
            return place
    return 0


def parse_weights(text: str) -> Path:
    """What stands in a checkpoint's place.

    Raises:
        typer.BadParameter: it is a file, or nothing that there is.
    """
    if text != str(RANDOM):
        hint = f"; a file of trained weights goes with --checkpoint {text}" if Path(text).suffix else ""
        raise typer.BadParameter(f"{text!r} is none that there is: give 'random'{hint}")
    return RANDOM


WeightsChoice = Annotated[
    Path | None,
    option(
        "--weights",
        parser=parse_weights,
        metavar="random",
        help="Fill the network with random weights, seed 0, also one that a function returns with weights of its own.",
        panel=FILE,
        rare=True,
        show_default=False,
    ),
]


def weights_asked(checkpoint: Path | None, weights: Path | None) -> Path | None:
    """What two options come to: a checkpoint, or what stands in its place.

    Raises:
        TargetError: both are given.
    """
    if checkpoint == RANDOM:
        raise TargetError(f"for random weights give --weights random, in the place of --checkpoint {checkpoint}")
    if checkpoint is not None and weights is not None:
        raise TargetError(
            f"--checkpoint {checkpoint} and --weights {weights} are two answers to one question; leave one out"
        )
    return checkpoint or weights


Feed = Annotated[
    list[str] | None,
    option(
        metavar="NAME=VALUE",
        help="What an input of a file is fed: a number, zeros, ones, normal, uniform:LOW:HIGH, image, or a .npy file. "
        "Once for each such input; others get images, noise, 1, or ones for a mask.",
        panel=FILE,
        rare=True,
        show_default=False,
    ),
]
Feeds = Annotated[
    Path | None,
    option(
        metavar="PATH",
        help="What all inputs of a file are fed: an .npz, or a folder of such or of images, taken in turn.",
        panel=FILE,
        rare=True,
        show_default=False,
    ),
]


def refuse_feeds(given: Given) -> None:
    """Refuse to feed networks, which are fed images whatever is said.

    Raises:
        TargetError: that was asked.
    """
    if given:
        raise TargetError(
            f"{next(given.options())} is for .onnx files and packages, and no target is one; a network is fed images, "
            "and its time does not depend on them"
        )


FileFormat = Annotated[
    Format | None, option("--format", help="The kind of file.", panel=FILE, rare=True, show_default="the device's")
]


class NetworkChoices(msgspec.Struct, frozen=True, kw_only=True):
    """Which inputs a network or file takes, and whose weights a network has."""

    image_size: ImageSize = None
    batch_size: BatchSize = "1"
    checkpoint: Checkpoint = None
    weights: WeightsChoice = None
    num_classes: NumClasses = None
    input_shape: Annotated[
        list[str] | None,
        option(
            metavar="[NAME:]SHAPE",
            help="Shape of an input that an .onnx file leaves open, as in 1,3,224,224 or x:1,3,224,224. Once for each "
            "such input.",
            panel=FILE,
            rare=True,
            show_default=False,
        ),
    ] = None

    feed: Feed = None
    feeds: Feeds = None

    def given(self) -> Given:
        """What the user says that files are fed."""
        return Given(feed=tuple(self.feed or ()), source=self.feeds)

    def one_batch_size(self) -> int:
        """The images in an inference, where several numbers make no sense.

        Raises:
            TargetError: there are several, or it is no number of images.
        """
        return the_only_one("--batch-size", self.batch_size, parse_batch_sizes(self.batch_size))

    def shapes(self) -> dict[str | None, tuple[int, ...]]:
        """What is fed to files that leave it open, by the inputs' names; under None to the only one.

        Raises:
            TargetError: one is no shape.
        """
        return parse_input_shapes(self.input_shape or [])

    def choices(self, **settled: Any) -> "ExportChoices":
        """What the user chose of an export; the rest is as it always is.

        Args:
            settled: by field, what is not for the user to say, or was worked out of what he said.
        """
        own = {name: getattr(self, name) for name in ExportChoices.__struct_fields__ if hasattr(self, name)}
        if "image_size" not in settled:
            own["image_size"] = one_image_size(self.image_size)
        checkpoint, checkpoints = parse_checkpoints(self.checkpoint)
        if checkpoints:
            weights_asked(checkpoints[0][1], self.weights)
        own |= {
            "batch_size": 1,
            "simplify": not getattr(self, "no_simplify", False),
            "checkpoint": weights_asked(checkpoint, self.weights),
            "checkpoints": checkpoints,
        }
        return ExportChoices(**(own | settled))


class OnnxChoices(NetworkChoices, frozen=True, kw_only=True):
    """The ONNX file that is made of a network."""

    rewrite: Annotated[
        str | None,
        option(
            metavar="NAME,...",
            help="Rewrites before the export: all exact ones that pay (auto), none, or some by name.",
            panel=FILE,
            show_default="auto; none with --dynamic-batch and for float16 ONNX",
        ),
    ] = None
    compute_precision: Annotated[
        ComputePrecision | None,
        option(
            metavar="TYPE",
            help="Arithmetic of the file: float32, or float16, which in ONNX is for GPUs.",
            panel=FILE,
            rare=True,
            show_default="float16 for Core ML, float32 for ONNX",
        ),
    ] = None
    opset: Annotated[
        int,
        option(
            metavar="N",
            min=OLDEST_OPSET,
            help=f"Version of the ONNX operators, {OLDEST_OPSET} or later.",
            panel=FILE,
            rare=True,
        ),
    ] = DEFAULT_OPSET
    dynamic_batch: Annotated[
        bool, option("--dynamic-batch", help="Leave the batch axis of the file open.", panel=FILE, rare=True)
    ] = False
    no_simplify: Annotated[
        bool, option("--no-simplify", help="Do not pass the graph through onnxsim.", panel=FILE, rare=True)
    ] = False


class FileChoices(OnnxChoices, frozen=True, kw_only=True):
    """The file or package that is made of a network."""

    format: FileFormat = None
    target: Annotated[
        DeploymentTarget | None,
        option(
            "--target",
            metavar="SYSTEM",
            help=f"The oldest system to run on: {', '.join(DeploymentTarget)}.",
            panel=APPLE,
            rare=True,
            show_default="iOS16",
        ),
    ] = None
    input: Annotated[
        InputKind | None,
        option(
            "--input",
            help="An RGB image, or the tensor that is normalized already.",
            panel=APPLE,
            rare=True,
            show_default="image",
        ),
    ] = None
    softmax: Annotated[
        bool,
        option("--softmax", help="End in a softmax: probabilities instead of logits.", panel=APPLE, rare=True),
    ] = False
    compress: Annotated[
        Compression | None,
        option(
            "--compress",
            metavar="KIND",
            help=f"Store the weights in 8 or 6 bits: {', '.join(Compression)}. Outputs are then not equal to the "
            "network's.",
            panel=APPLE,
            rare=True,
            show_default="none",
        ),
    ] = None


# Where an option is not called as its field is.
_OPTIONS = {"simplify": "--no-simplify", "purpose": "--for", "checkpoints": "--checkpoint"}


class ExportChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The export's options as the user gave them; None where a network's own value, or the format's default, holds.

    Attributes:
        checkpoint: a file, or what stands in its place: `PRETRAINED`, or `RANDOM`.
        checkpoints: of several networks, by the names that the user gives them.
        num_classes: None for as many as a checkpoint has, or the network by itself.
    """

    format: Format = Format.ONNX
    image_size: int | None = None
    batch_size: int = 1
    checkpoint: Path | None = None
    checkpoints: tuple[tuple[str, Path], ...] = ()
    num_classes: int | None = None
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
            "--weights" if getattr(self, name) == RANDOM else _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            for name in self.__struct_fields__
            if name not in apart_from and getattr(self, name) != getattr(default, name)
        ]

    def of_network(self) -> list[str]:
        """The options that say which network is run, whatever file it is in, as they are written."""
        weights = "--weights" if self.checkpoint == RANDOM else "--checkpoint"
        given = {"--image-size": self.image_size, weights: self.checkpoint, "--num-classes": self.num_classes}
        return [f"{name}={value}" for name, value in given.items() if value is not None]

    def rewrites(self) -> tuple[str, ...]:
        """Names of the rewrites, in the order in which they are applied.

        Raises:
            TargetError: one of them does not exist.
        """
        match self.rewrite:
            case None if self.purpose is Purpose.OPENVINO:
                return ()
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
        self._check_purpose()
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
            f"--for {self.purpose}": self.purpose in _FOR_ONNX,
        }
        coreml = {
            "--target": self.target,
            "--input": self.input,
            "--labels": self.labels,
            "--softmax": self.softmax,
            "--compress": self.compress,
            f"--for {self.purpose}": self.purpose not in (None, *_FOR_ONNX),
        }
        foreign, owner = (coreml, Format.COREML) if self.format is Format.ONNX else (onnx, Format.ONNX)
        given = [name for name, value in foreign.items() if value]
        if given:
            raise TargetError(f"{given[0]} goes with --format {owner}, not with --format {self.format}")

    def _check_purpose(self) -> None:
        """Refuse what a purpose decides, and forms of which nobody knows what they are fast on."""
        if self.purpose not in _FOR_ONNX:
            return
        for name, given in {
            "--rewrite": self.rewrite is not None,
            "--dynamic-batch": self.dynamic_batch,
            "--compute-precision float16": self.compute_precision is ComputePrecision.FLOAT16,
        }.items():
            if given:
                raise TargetError(f"--for {self.purpose} says which form the file has; leave it out, or {name}")


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
    from exporters.artifact.bounded import read_bounded

    try:
        lines = read_bounded(path, _LABELS_BYTES).decode("utf-8-sig").rstrip().splitlines()
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


def parse_batch_sizes(text: str) -> tuple[int, ...]:
    """`8` or `1,2,4`, each once.

    Raises:
        TargetError: one of them is no positive number.
    """
    sizes = dict.fromkeys(part.strip() for part in text.split(","))
    if wrong := [size for size in sizes if not is_positive(size)]:
        raise TargetError(f"--batch-size {text!r}: {wrong[0]!r} is no number of images; write 8, or 1,2,4")
    return tuple(map(int, sizes))


def parse_image_sizes(text: str) -> tuple[int, ...]:
    """`224`, `224,256`, or from `224` to `512` by `32` as `224:512:32`; each once.

    Raises:
        TargetError: one of them is no positive number, or a range holds nothing.
    """
    sizes: dict[int, None] = {}
    for part in (part.strip() for part in text.split(",")):
        numbers = part.split(":")
        if len(numbers) not in (1, 3) or not all(map(is_positive, numbers)):
            raise TargetError(
                f"--image-size {text!r}: {part!r} is no number of pixels; write 224, or 224,256, or 224:512:32 for "
                "224 to 512 by 32"
            )
        first, last, step = map(int, numbers if len(numbers) == 3 else (part, part, "1"))
        if last < first:
            raise TargetError(f"--image-size {text!r}: nothing is from {first} to {last}; write the smaller first")
        if (last - first) // step >= _MOST_SIZES:
            raise TargetError(f"--image-size {text!r}: {part!r} is more than {_MOST_SIZES} sizes; take a larger step")
        sizes |= dict.fromkeys(range(first, last + 1, step))
    return tuple(sizes)


def one_image_size(text: str | None) -> int | None:
    """The side of the input, where several make no sense; None for the network's own.

    Raises:
        TargetError: there are several, or it is no number of pixels.
    """
    return None if text is None else the_only_one("--image-size", text, parse_image_sizes(text))


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
