"""An artifact: an exported file, and the sidecar JSON that says what it is and what was proved of it."""

import hashlib
import re
from pathlib import Path

import msgspec

from exporters.config import DEFAULT_OPSET, Format, OnnxConfig
from exporters.errors import ArtifactError
from models import Preprocessing, Weights

SIDECAR_VERSION = 1


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named input or output. An open dimension is the string that names it ("?" where nobody named it)."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How closely an artifact's outputs are the network's, over `inputs` different images.

    The network computes in float32; the artifact stores its values in its own precision.

    Attributes:
        max_abs_error: largest difference of any output value.
        relative_error: that difference over the largest output of the network.
        top1_agreement: share of the images for which both name the same class.
        output_change: largest difference between the network's outputs for two of the images, relative
            to its largest output. Near 0 the comparison would prove nothing.
        tolerance: the relative error up to which the artifact passes.
        float32_relative_error: of a Core ML program evaluated in float32: what is left of the error where only the
            weights are rounded. None for ONNX.
    """

    inputs: int
    max_abs_error: float
    relative_error: float
    top1_agreement: float
    output_change: float
    tolerance: float
    float32_relative_error: float | None = None


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of an exported file.

    Attributes:
        form: which form of the network it holds; "plain" is the network as its authors wrote it.
        rewrites: what was changed on the way, by name.
        simplified: whether the file is onnxsim's; None where that was not asked.
        macs: multiply-adds of one image at `config.image_size`.
        opset: of the file itself.
        versions: of everything that had a hand in making the file.
        sha256: of the file.
    """

    sidecar_version: int = SIDECAR_VERSION
    model: str
    format: Format
    form: str
    config: OnnxConfig
    weights: Weights
    rewrites: tuple[str, ...]
    simplified: bool | None
    params: int
    macs: int
    preprocessing: Preprocessing
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    parity: Parity
    versions: dict[str, str]
    size_bytes: int
    sha256: str


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of an artifact lies: beside it, `NAME.onnx.json`."""
    return path.with_name(path.name + ".json")


def read_sidecar(path: Path) -> Artifact | None:
    """The sidecar beside an artifact; None where there is none, or a JSON of somebody else's.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    sidecar = sidecar_path(path)
    try:
        content = sidecar.read_bytes()
        if b'"sidecar_version"' not in content:
            return None
        return msgspec.json.decode(content, type=Artifact)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ArtifactError(f"cannot read {sidecar}: {error}; export {path.name} again") from error


def sha256_of(*paths: Path) -> str:
    """The hash of the bytes of a file, or of several one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def public_name(model: str) -> str:
    """A network's name without the folder that a network of the user's own, `path/to/file.py:function`, lies in."""
    return Path(model).name


def file_name(model: str, config: OnnxConfig, default_image_size: int) -> str:
    """A name that tells artifacts of one network apart: what is not the default is in it."""
    parts = [re.sub(r"[^A-Za-z0-9._-]+", "-", public_name(model))]
    if config.image_size != default_image_size:
        parts.append(f"{config.image_size}px")
    if config.dynamic_batch:
        parts.append("dynamic")
    elif config.batch_size != 1:
        parts.append(f"b{config.batch_size}")
    if config.opset != DEFAULT_OPSET:
        parts.append(f"opset{config.opset}")
    if not config.simplify:
        parts.append("unsimplified")
    return "-".join(parts) + ".onnx"
