"""A file that is to be tried: opened, with all that decides what it is fed, and images where there are some."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import TargetError
from exporters import Artifact, ExportConfig, OnnxConfig, artifact_sha256, read_sidecar, sidecar_path
from models import ModelSpec, Preprocessing, WeightsSource

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder

    from exporters.artifact.evaluator import Evaluator


def open_artifact(path: Path) -> "Evaluator":
    """A file as a function of images.

    Raises:
        ArtifactError: it is none that can be used.
        MachineMismatchError: it is machine-specific, and was made on another kind of machine.
    """
    from exporters.derived.machine import check_usable
    from exporters.onnx.graph import load_graph
    from exporters.proof.open import open_evaluator

    if not path.is_dir():
        graph = load_graph(path)  # refuses what cannot be trusted before the runtime sees it
        check_usable(path, graph, artifact_sha256(path))
    return open_evaluator(path)


def made_with(sidecar: Artifact) -> ExportConfig:
    """What a file was made with: one that onnxsim could not simplify was left as it was."""
    config = sidecar.config
    if isinstance(config, OnnxConfig) and sidecar.simplified is False:
        return msgspec.structs.replace(config, simplify=False)
    return config


def config_of(artifact: "Evaluator", spec: ModelSpec | None) -> ExportConfig:
    """The image and batch size of a file without a sidecar; what the file leaves open is the network's own, and one.

    Raises:
        TargetError: it takes no square images, or leaves their size open and no network is known.
    """
    batch, _, height, width = artifact.shape
    if height != width:
        raise TargetError(f"{artifact.name} takes images of {height} x {width}, and effmod feeds square ones")
    size = height or (spec.image_size if spec else None)
    if size is None:
        raise TargetError(f"{artifact.name} leaves its image size open; name its network with --against NETWORK")
    return OnnxConfig(image_size=size, batch_size=batch or 1)


def changed_since(path: Path) -> str | None:
    """What is wrong with a file that is no longer what its sidecar describes; None where it is, or there is none."""
    from exporters.derived.machine import read_machine_file
    from exporters.derived.rewritten import read_rewritten

    sidecar = read_sidecar(path) or read_rewritten(path) or read_machine_file(path)
    if sidecar is None or not path.exists():
        return None
    found = artifact_sha256(path)
    if found == sidecar.sha256:
        return None
    return (
        f"{path} is not the file that its sidecar {sidecar_path(path).name} describes: its sha256 is {found[:12]}, and "
        f"{sidecar.sha256[:12]} stands there. It was changed or damaged since it was made: make it again."
    )


def made_of(path: Path) -> Artifact | None:
    """The sidecar that says which network a file holds: its own, or that of the file beside it that it was made of.

    Raises:
        ArtifactError: a sidecar cannot be read.
    """
    from exporters.derived.machine import read_machine_file
    from exporters.derived.rewritten import read_rewritten

    derived = read_rewritten(path) or read_machine_file(path)
    if derived is None:
        return read_sidecar(path)
    original = read_sidecar(path.parent / Path(derived.original).name)
    return original if original is not None and original.sha256 == derived.original_sha256 else None


def preparation_of(path: Path) -> Preprocessing | None:
    """How images are prepared for a file, as far as sidecars say.

    Raises:
        ArtifactError: a sidecar cannot be read.
    """
    from exporters.derived.machine import read_machine_file

    known = read_machine_file(path) or made_of(path)
    return known.preprocessing if known else None


def has_random_weights(path: Path) -> bool:
    """Whether a file is known to hold random weights, to which no accuracy belongs.

    Raises:
        ArtifactError: a sidecar cannot be read.
    """
    known = made_of(path)
    return known is not None and known.weights.source is WeightsSource.RANDOM


def read_images(data: Path, preprocessing: Preprocessing, config: ExportConfig) -> "ImageFolder":
    """The labelled images that a file is tried on.

    Raises:
        ImageFolderError: the folder has not ImageNet's layout.
    """
    from exporters.proof.accuracy import read_folder

    return read_folder(data, preprocessing, image_size=config.image_size)


def in_words(preprocessing: Preprocessing) -> str:
    """How images are prepared for a file of which nothing is known."""
    return (
        f"ImageNet's usual: {preprocessing.interpolation}, crop {preprocessing.crop_pct}, mean {preprocessing.mean}, "
        f"std {preprocessing.std}"
    )
