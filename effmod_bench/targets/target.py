"""A target, resolved once: a network, a file of the user's own, or a detector or segmenter, and what is known of it
before it is timed."""

import functools
from functools import cached_property
from pathlib import Path

import msgspec

from effmod_bench.errors import describe
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import without_folders
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.names import network_input
from effmod_bench.targets.obtain import look_up, obtain_artifact, obtain_dense_weights, obtain_weights
from effmod_bench.targets.subjects import file_subject, network_subject, zoo_subject
from exporters import ExportConfig, is_cached, is_dense_cached, is_network_cached, public_name
from exporters.feeds.given import Given
from models import ModelSpec, Preprocessing
from models.dense.spec import DenseSpec
from models.zoo.named import split
from models.zoo.spec import is_function
from results import ArtifactSource, InputTensor, TimedArtifact


class NetworkTarget(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A network of the zoo, of timm, or of the user's own.

    Attributes:
        choices: of its file; image and batch size and weights where there is none.
        as_it_is: the runtime runs the network itself, not a file that it was exported to.
    """

    spec: ModelSpec
    choices: ExportChoices
    as_it_is: bool

    @property
    def name(self) -> str:
        return self.spec.name

    @cached_property
    def config(self) -> ExportConfig:
        """What the choices come to.

        Raises:
            TargetError: they contradict each other, or are of another format.
        """
        return self.choices.config(self.spec)

    @property
    def macs(self) -> int:
        """Multiply-adds of an inference."""
        return self.spec.macs * self.config.batch_size * self.config.image_size**2 // self.spec.image_size**2

    @property
    def is_cached(self) -> bool:
        """Whether nothing need be made."""
        spec, config, checkpoint = self.spec, self.config, self.choices.checkpoint
        if self.as_it_is:
            find = functools.partial(is_network_cached, spec, image_size=config.image_size, checkpoint=checkpoint)
            return look_up(spec, find)
        return look_up(spec, functools.partial(is_cached, spec, config, checkpoint=checkpoint))

    def subject(self, console: Console) -> Subject:
        """What is timed, made now where the cache lacks it.

        Raises:
            ArtifactError, CheckpointError, ExportError, ParityError: it cannot be made.
        """
        if self.as_it_is:
            made = obtain_weights(console, self.spec, self.choices)
            return network_subject(made, batch_size=self.choices.batch_size)
        return zoo_subject(obtain_artifact(console, self.spec, self.choices), batch_size=self.choices.batch_size)


class FileTarget(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An ONNX file or a Core ML package of the user's own.

    Attributes:
        shapes: of inputs that it leaves open, by name; under None of the only one.
        given: what the user says it is fed.
    """

    path: Path
    shapes: dict[str | None, tuple[int, ...]]
    batch_size: int
    given: Given = Given()

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def read(self) -> Subject:
        """What is timed, read and hashed once.

        Raises:
            As `file_subject`.
        """
        return file_subject(self.path, self.shapes, batch_size=self.batch_size, given=self.given)

    @property
    def macs(self) -> int | None:
        """Multiply-adds of an inference; None where nothing is known of the file."""
        return self.read.artifact.macs

    def subject(self, console: Console) -> Subject:  # noqa: ARG002 - as of a network
        """What is timed."""
        return self.read


class DenseTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A detector or segmenter, of which PyTorch runs one image."""

    spec: DenseSpec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def macs(self) -> None:
        """Not known before it is built: no time is guessed from them, since PyTorch is none of the fast runtimes."""

    @property
    def is_cached(self) -> bool:
        """Whether nothing need be made."""
        return is_dense_cached(self.spec)

    def subject(self, console: Console) -> Subject:
        """What is timed, made now where the cache lacks it.

        Raises:
            OutputError: the cache cannot be written.
        """
        return network_subject(obtain_dense_weights(console, self.spec), batch_size=1, form=self.spec.form)


class UnbuiltTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A network that could not be built, beside others that could.

    Attributes:
        error: that building it raised.
    """

    name: str
    choices: ExportChoices
    as_it_is: bool
    error: Exception

    @property
    def macs(self) -> None:
        """Nobody knows."""

    def subject(self, console: Console) -> Subject:  # noqa: ARG002 - as of a network
        """There is none.

        Raises:
            Exception: the error.
        """
        raise self.error


Target = NetworkTarget | FileTarget | DenseTarget | UnbuiltTarget


def _asked_input(choices: ExportChoices) -> tuple[InputTensor, ...]:
    """What is known of the input of a network that nobody could build: what the user said, which tells it from the
    same network in another image or batch size."""
    if choices.image_size is not None:
        return (network_input(choices.batch_size, choices.image_size),)
    return (InputTensor(name="input", shape=(choices.batch_size,), dtype="float"),) if choices.batch_size > 1 else ()


def unmade_subject(target: Target, error: Exception) -> Subject:
    """What stands for a target that cannot be made: it is not timed, and its record says why."""
    name, spec = public_name(target.name), None
    inputs: tuple[InputTensor, ...] = ()
    format_ = "pytorch"
    if isinstance(target, NetworkTarget):
        spec, config = target.spec, target.config
        inputs = (network_input(config.batch_size, config.image_size),)
    elif isinstance(target, UnbuiltTarget):
        inputs = _asked_input(target.choices)
    if isinstance(target, NetworkTarget | UnbuiltTarget) and not target.as_it_is:
        format_ = target.choices.format.value
    own = [Path(split(target.name)[0].rpartition(":")[0])] if is_function(target.name) else []
    return Subject(
        path=Path(name),
        preprocessing=Preprocessing(),
        stamps=(),
        failure=without_folders(describe(error), own),
        artifact=TimedArtifact(
            name=name,
            source=ArtifactSource.ZOO,
            format=format_,
            form=None,
            sha256="",
            size_bytes=0,
            opset=None,
            inputs=inputs,
            weights=None,
            params=spec.params if spec else None,
            macs=target.macs,
        ),
    )
