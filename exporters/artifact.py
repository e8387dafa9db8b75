"""An artifact: an exported file or package, and the sidecar JSON that says what it is and what was proved of it."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from exporters.config import (
    DEFAULT_OPSET,
    DEFAULT_PRECISION,
    Compression,
    CoreMLConfig,
    DeploymentTarget,
    ExportConfig,
    Format,
    InputKind,
    OnnxConfig,
)
from exporters.errors import ArtifactError
from exporters.rewrites import AUTO, RewriteReport, default_rewrites
from models import Preprocessing, Weights

SIDECAR_VERSION = 3  # 1 had neither the format within `config`, nor `specification_version`; 2 had no cosine
_SIDECAR_BYTES = 1 << 26  # and no more is read: none of ours is so large
FLOAT16_MAX = 65504.0
Sidecar = TypeVar("Sidecar", bound=msgspec.Struct)


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named input or output. An open dimension is the string that names it ("?" where nobody named it).

    Its shape is None where the file does not even say how many dimensions there are.
    """

    name: str
    shape: tuple[int | str, ...] | None
    dtype: str


class ActivationRange(msgspec.Struct, frozen=True, kw_only=True):
    """The largest activation of an artifact in float32, against what float16 can hold (65504).

    Attributes:
        operator: name of the operator that gives the largest magnitude.
        kind: of that operator.
        largest: that magnitude; infinite or NaN where float32 itself did not suffice.
        overflow: name of the first operator whose result float16 cannot hold, None where there is none. What an
            operator sums up inside is not seen: a LayerNorm squares its input.
        overflow_kind: of that operator.
    """

    operator: str
    kind: str
    largest: float
    overflow: str | None = None
    overflow_kind: str | None = None


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How closely an artifact's outputs are the network's, over `inputs` different images.

    The network computes in float32; the artifact stores its values in its own precision.

    Attributes:
        max_abs_error: largest difference of any output value.
        relative_error: that difference over the largest output of the network.
        cosine: of the angle between the two outputs for an image, for the image where it is smallest.
        top1_agreement: share of the images for which both name the same class.
        output_change: largest difference between the network's outputs for two of the images, relative
            to its largest output. Near 0 the comparison would prove nothing.
        tolerance: the relative error up to which the artifact passes; None where it is not meant to be equal.
        float32_relative_error: evaluated in float32: what is left of the error where only the weights are rounded.
            None for ONNX in float32.
        activation_range: over the same images; None for ONNX in float32.
    """

    inputs: int
    max_abs_error: float
    relative_error: float
    cosine: float
    top1_agreement: float
    output_change: float
    tolerance: float | None
    float32_relative_error: float | None = None
    activation_range: ActivationRange | None = None


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How often the right class is the first, or among the first five, in percent of the images."""

    images: int
    top1: float
    top5: float


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of an exported file or package.

    Attributes:
        form: which form of the network it holds; "plain" is the network as its authors wrote it (`form_of`). It may be
            that although `config` has rewrites: they are what was asked.
        rewrites: what was changed on the way, and what was not; the branches that the zoo has merged included.
        simplified: whether the file is onnxsim's; None where that was not asked, and for Core ML.
        macs: multiply-adds of one image at `config.image_size`.
        opset: of the file itself; None for Core ML.
        specification_version: of the package itself; None for ONNX.
        versions: of everything that had a hand in making it.
        size_bytes: of all its files.
        sha256: of the file, or of what matters in a package (`package_sha256`).
    """

    sidecar_version: int = SIDECAR_VERSION
    model: str
    format: Format
    form: str
    config: ExportConfig
    weights: Weights
    rewrites: tuple[RewriteReport, ...]
    simplified: bool | None
    params: int
    macs: int
    preprocessing: Preprocessing
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int | None = None
    specification_version: int | None = None
    parity: Parity
    versions: dict[str, str]
    size_bytes: int
    sha256: str

    @property
    def is_plain(self) -> bool:
        """Whether it holds the network as its authors wrote it, whatever was asked."""
        return self.form == form_of(self.config, rewritten=False)


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of an artifact lies: beside it, `NAME.onnx.json`."""
    return path.with_name(path.name + ".json")


def read_sidecar(path: Path) -> Artifact | None:
    """The sidecar beside an artifact; None where there is none, or a JSON of somebody else's.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    return read_sidecar_as(path, Artifact)


def read_sidecar_as(path: Path, kind: type[Sidecar]) -> Sidecar | None:
    """The sidecar beside a file, where it is one of this kind; else None.

    Args:
        kind: begins with its version, whose name tells it from the others.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return None
    try:
        with sidecar.open("rb") as file:
            content = file.read(_SIDECAR_BYTES)
        if f'"{kind.__struct_fields__[0]}"'.encode() not in content:
            return None
        return msgspec.json.decode(content, type=kind)
    except Exception as error:  # fed a stranger's bytes, a parser may raise anything
        raise ArtifactError(f"cannot read {sidecar}: {error}; export {path.name} again") from error


def write_sidecar(path: Path, sidecar: msgspec.Struct) -> None:
    """Write what is known of a file or package beside it, for people to read as well."""
    sidecar_path(path).write_bytes(msgspec.json.format(msgspec.json.encode(sidecar), indent=2))


def sha256_of(*paths: Path) -> str:
    """The hash of the bytes of a file, or of several one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def package_sha256(path: Path) -> str:
    """The hash of a Core ML package: the names and bytes of the files under `Data/`, the model and its weights.

    The manifest beside it names the same files by identifiers that are drawn anew each time a package is saved.

    Raises:
        ArtifactError: the folder is no package.
        OSError: a file in it cannot be read.
    """
    data = path / "Data"
    if not (path / "Manifest.json").is_file() or not data.is_dir():
        raise ArtifactError(f"{path} is not a Core ML package: it has no Manifest.json, or no Data")
    digest = hashlib.sha256()
    for file in sorted(_files(data), key=lambda file: file.relative_to(data).as_posix()):
        name = file.relative_to(data).as_posix()
        digest.update(f"{name}\0{file.stat().st_size}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def artifact_sha256(path: Path) -> str:
    """The hash that the sidecar of a file or a package holds."""
    return package_sha256(path) if path.is_dir() else sha256_of(path)


def size_bytes(path: Path) -> int:
    """The size of a file, or of all files of a package."""
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    return (file for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def form_of(config: ExportConfig, *, rewritten: bool) -> str:
    """The form of a network in a file: "plain", "rewritten", "plain+float16" where that is not the format's default.

    Args:
        rewritten: whether the rewrites asked for were applied; `auto` may leave a network plain.
    """
    form = _rewritten(config) if rewritten else "plain"
    return form if _is_default_precision(config) else f"{form}+{config.compute_precision}"


def _rewritten(config: ExportConfig) -> str:
    """What rewrites make of a network: "plain" after none, "rewritten" after all that suit the format."""
    if not config.rewrites:
        return "plain"
    return "rewritten" if config.rewrites == AUTO[config.format] else "+".join(config.rewrites)


def _is_default_precision(config: ExportConfig) -> bool:
    return config.compute_precision is DEFAULT_PRECISION[config.format]


def public_name(model: str) -> str:
    """A network's name without the folder that a network of the user's own, `path/to/file.py:function`, lies in."""
    return Path(model).name


def file_name(model: str, config: ExportConfig, default_image_size: int) -> str:
    """A name that tells artifacts of one network apart: what is not the default is in it."""
    parts = name_parts(model, config.image_size, default_image_size)
    match config:
        case OnnxConfig():
            return "-".join([*parts, *_onnx_parts(config)]) + ".onnx"
        case CoreMLConfig():
            name = "-".join([*parts, *_coreml_parts(config)])
            return (_swift_class_name(name) if config.modelbench else name) + ".mlpackage"


def name_parts(model: str, image_size: int, default_image_size: int) -> list[str]:
    """What the name of a network's file begins with, whatever its format."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", public_name(model))
    return [name] if image_size == default_image_size else [name, f"{image_size}px"]


def _onnx_parts(config: OnnxConfig) -> Iterator[str]:
    if config.dynamic_batch:
        yield "dynamic"
    elif config.batch_size != 1:
        yield f"b{config.batch_size}"
    if config.opset != DEFAULT_OPSET:
        yield f"opset{config.opset}"
    if not config.simplify:
        yield "unsimplified"
    if config.rewrites != default_rewrites(config.format, config.compute_precision, dynamic_batch=config.dynamic_batch):
        yield _rewritten(config)
    if not _is_default_precision(config):
        yield config.compute_precision


def _coreml_parts(config: CoreMLConfig) -> Iterator[str]:
    if config.rewrites != AUTO[config.format]:
        yield _rewritten(config)
    if config.batch_size != 1:
        yield f"b{config.batch_size}"
    if config.target is not DeploymentTarget.IOS16 and not config.modelbench:
        yield config.target
    if not _is_default_precision(config):
        yield config.compute_precision
    if config.input is not InputKind.IMAGE:
        yield config.input
    if config.softmax:
        yield "softmax"
    if config.labels is not None:
        yield "classifier"
    if config.compress is not Compression.NONE:
        yield config.compress
    if config.modelbench:
        yield "modelbench"


def _swift_class_name(name: str) -> str:
    """Xcode names a model's class after its file: letters, digits and underscores, and no digit first."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"Model_{name}" if name[0].isdigit() else name
