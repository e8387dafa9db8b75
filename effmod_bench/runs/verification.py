"""`effmod verify` from a file to what is proved of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.screen.console import Console
from effmod_bench.screen.verified import Verified, verified_table, verified_title
from effmod_bench.targets.limits import check_memory
from effmod_bench.targets.names import is_file, network_input
from exporters import (
    PRETRAINED,
    Accuracy,
    Artifact,
    ComputePrecision,
    ExportConfig,
    OnnxConfig,
    Parity,
    artifact_sha256,
    read_sidecar,
    reference,
)
from models import ModelSpec, Preprocessing, WeightsSource, find_model
from results.tables.write import OutputFormat

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder

    from exporters.artifact.evaluator import Evaluator
    from exporters.derived.rewritten import RewrittenFile


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod verify` to do.

    Attributes:
        against: a network's name, or the file that this one was rewritten from; None for what the sidecar names.
        checkpoint: the network's weights; None for those that the sidecar names, which random ones can be made of.
        data: a folder of labelled images.
    """

    path: Path
    against: str | None = None
    checkpoint: Path | None = None
    data: Path | None = None

    def run(self, console: Console, output_format: OutputFormat) -> None:
        """Compare the artifact with its network, or the file it was made of, try it on images, print what was found.

        Raises:
            ArtifactError, TargetError, UnknownModelError, CheckpointError, ImageFolderError: something cannot be used.
            MachineMismatchError: the artifact is machine-specific, and was made on another kind of machine.
            ParityError: the artifact is not its network, or that file; raised after the table is printed.
        """
        from exporters.derived.rewritten import read_rewritten
        from exporters.proof import parity as verify

        rewritten = read_rewritten(self.path)
        original = self._original(rewritten)
        if rewritten is not None and original is not None:
            self._compare_with_original(console, output_format, rewritten, original)
            return
        sidecar = read_sidecar(self.path)
        artifact = self._open()
        if sidecar is not None and artifact_sha256(self.path) != sidecar.sha256:
            console.warn(f"{self.path} was changed since it was exported: its hash is not its sidecar's")
        spec = self._spec(sidecar)
        config = sidecar.config if sidecar is not None else _config(artifact, spec)
        check_memory(str(self.path), network_input(config.batch_size, config.image_size))
        preprocessing = sidecar.preprocessing if sidecar else spec.preprocessing if spec else Preprocessing()
        checkpoint = self._checkpoint(sidecar) if spec is not None else None
        images = self._images(preprocessing, config)  # a wrong folder is said before the time that comparing takes
        parities: dict[ComputePrecision, Parity] = {}
        if spec is not None:
            console.note(f"comparing {self.path.name} with {spec.name} ...")
            parities = verify.compare(
                verify.ending_as(reference(spec, config, checkpoint=checkpoint), config),
                artifact,
                preprocessing,
                image_size=config.image_size,
                batch_size=config.batch_size,
                tolerance=verify.tolerance_of(config) if sidecar else verify.TOLERANCES[artifact.precisions[-1]],
            )
        accuracies = {} if images is None else self._try(console, artifact, images, sidecar, preprocessing, config)
        rows = [
            Verified(precision=precision, parity=parities.get(precision), accuracy=accuracies.get(precision))
            for precision in artifact.precisions
        ]
        console.table(
            verified_table(verified_title(self.path, sidecar, spec), rows, artifact.activation_range), output_format
        )
        verify.judge(artifact, parities)

    def _original(self, rewritten: "RewrittenFile | None") -> Path | None:
        """The file to compare with; None where it is to be a network, or only the images count."""
        if self.against is not None and is_file(self.against):
            if rewritten is None:
                raise TargetError(
                    f"{self.against} is a file, and {self.path} was not rewritten from one by effmod; name a network "
                    "with --against NETWORK"
                )
            if self.data is not None or self.checkpoint is not None:
                raise TargetError(
                    f"{'--data' if self.data else '--checkpoint'} is for networks, and {self.against} is a file; leave "
                    "one of the two out"
                )
            return Path(self.against)
        if rewritten is None or any(given is not None for given in (self.against, self.checkpoint, self.data)):
            return None
        beside = self.path.parent / Path(rewritten.original).name
        if not beside.is_file():
            raise TargetError(
                f"{self.path} was rewritten from {rewritten.original} (sha256 {rewritten.original_sha256[:12]}), which "
                "is not beside it; say where it is with --against PATH, or name the network with --against NETWORK"
            )
        return beside

    def _compare_with_original(
        self, console: Console, output_format: OutputFormat, rewritten: "RewrittenFile", original: Path
    ) -> None:
        from exporters.derived.rewritten import compare_again
        from exporters.proof.files import judge_files

        console.note(f"comparing {self.path.name} with {original}, from which it was rewritten ...")
        parity = compare_again(self.path, rewritten, original)
        if artifact_sha256(self.path) != rewritten.sha256:
            console.warn(f"{self.path} was changed since it was rewritten: its hash is not its sidecar's")
        done = ", ".join(f"{report.name} {report.count}" for report in rewritten.rewrites)
        title = f"{self.path.name}: {rewritten.original} (sha256 {rewritten.original_sha256[:12]}), rewritten: {done}"
        row = Verified(precision=ComputePrecision.FLOAT32, parity=parity, accuracy=None)
        console.table(verified_table(title, [row], None), output_format)
        judge_files(original, self.path, parity)

    def _open(self) -> "Evaluator":
        from exporters.derived.machine import check_usable
        from exporters.onnx.graph import load_graph
        from exporters.proof.open import open_evaluator

        if not self.path.is_dir():
            graph = load_graph(self.path)  # refuses what cannot be trusted before the runtime sees it
            check_usable(self.path, graph, artifact_sha256(self.path))
        return open_evaluator(self.path)

    def _spec(self, sidecar: Artifact | None) -> ModelSpec | None:
        """The network to compare with; None where only the images count."""
        if self.against is None and sidecar is None:
            if self.data is None:
                raise TargetError(
                    f"{self.path} has no sidecar that names its network; name it with --against NETWORK "
                    "(and --checkpoint PATH), or give labelled images with --data FOLDER"
                )
            return None
        name = self.against or (sidecar.model if sidecar else "")
        if self.against is None and ".py:" in name:
            raise TargetError(
                f"{self.path} holds {name}, a network of your own; say where it is: --against PATH/{name}"
            )
        return find_model(name)

    def _checkpoint(self, sidecar: Artifact | None) -> Path | None:
        if self.checkpoint is not None or sidecar is None:
            return self.checkpoint
        match sidecar.weights.source:
            case WeightsSource.CHECKPOINT:
                raise TargetError(
                    f"{self.path} holds the weights of {sidecar.weights}; say where they are with --checkpoint PATH"
                )
            case WeightsSource.PRETRAINED:
                return PRETRAINED
            case _:
                return None

    def _images(self, preprocessing: Preprocessing, config: ExportConfig) -> "ImageFolder | None":
        if self.data is None:
            return None
        from exporters.proof.accuracy import read_folder

        return read_folder(self.data, preprocessing, image_size=config.image_size)

    def _try(
        self,
        console: Console,
        artifact: "Evaluator",
        images: "ImageFolder",
        sidecar: Artifact | None,
        preprocessing: Preprocessing,
        config: ExportConfig,
    ) -> dict[ComputePrecision, Accuracy]:
        from exporters.proof.accuracy import measure_accuracy

        if sidecar is not None and sidecar.weights.source is WeightsSource.RANDOM:
            console.warn(f"{self.path.name} has random weights: its accuracy says nothing of the network")
        if sidecar is None and self.against is None:
            console.note(f"without a sidecar or --against, images are prepared as {_in_words(preprocessing)}")
        return measure_accuracy(
            artifact,
            images,
            preprocessing,
            batch_size=config.batch_size,
            labels=getattr(config, "labels", None),
            progress=lambda batches, count: console.track(batches, count, "classifying"),
        )


def _config(artifact: "Evaluator", spec: ModelSpec | None) -> ExportConfig:
    """The image and batch size of a file without a sidecar; what the file leaves open is the network's own, and one."""
    batch, _, height, width = artifact.shape
    if height != width:
        raise TargetError(f"{artifact.name} takes images of {height} x {width}, and effmod feeds square ones")
    size = height or (spec.image_size if spec else None)
    if size is None:
        raise TargetError(f"{artifact.name} leaves its image size open; name its network with --against NETWORK")
    return OnnxConfig(image_size=size, batch_size=batch or 1)


def _in_words(preprocessing: Preprocessing) -> str:
    return (
        f"ImageNet's usual: {preprocessing.interpolation}, crop {preprocessing.crop_pct}, mean {preprocessing.mean}, "
        f"std {preprocessing.std}"
    )
