"""From targets to files that can be timed, each with what its record says of it."""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import exporters
from effmod_bench.errors import TargetError
from effmod_bench.instrument.subject import FileStamp, Subject, stamp
from effmod_bench.isolation.apart import apart
from effmod_bench.options.parse import is_text
from effmod_bench.screen.console import Console
from effmod_bench.targets.accuracies import with_measured
from effmod_bench.targets.feeds import fed_as, with_feeds
from effmod_bench.targets.names import file_format
from effmod_bench.targets.remarks import with_remarks
from effmod_bench.targets.shapes import resolve_shape, sizes_by_name
from exporters import Artifact, Format, Made, MadeNetwork, TensorSpec, package_sha256, read_sidecar, sha256_of
from exporters.artifact.hashes import size_bytes
from exporters.artifact.sidecar import read_accuracy, read_subnormals
from exporters.feeds.given import NOTHING_GIVEN, Given
from exporters.feeds.tensors import is_fed
from exporters.stage import Stage
from models import Preprocessing
from results import ArtifactSource, InputTensor, Subnormals, TimedArtifact

if TYPE_CHECKING:
    import onnx

    from exporters.derived.machine import MachineFile


def zoo_subject(made: Made, *, batch_size: int) -> Subject:
    """An artifact of the zoo, as `export` gives it."""
    artifact = made.artifact
    inputs = _inputs(made.path, artifact.inputs, {}, batch_size)
    subnormals = _in_records(artifact.parity.subnormals)
    subject = _zoo_subject(made.path, artifact, inputs, stamp(*hashed_files(made.path)), subnormals)
    return with_feeds(with_remarks(subject, artifact.unaligned_channels), NOTHING_GIVEN)


def file_subject(
    path: Path, shapes: dict[str | None, tuple[int, ...]], *, batch_size: int, given: Given = NOTHING_GIVEN
) -> Subject:
    """A user's own ONNX file or Core ML package. One that effmod made is known by its sidecar, if it is still that.

    Args:
        given: what the user says it is fed.

    Raises:
        FeedError: that does not fit the file.
        ArtifactError: the file is not what its name says, is not valid, or reaches outside its folder.
        MachineMismatchError: it is machine-specific, and was made on another kind of machine.
        TargetError: an input's shape is open, or more than this machine can hold, or `shapes` does not fit.
        UnfinishedError: reading or checking it crashed, or took too long.
    """
    if not is_text(str(path.resolve())):
        raise TargetError(f"{path.resolve()} is no text in UTF-8, and effmod could not name it; rename its folder")
    read = functools.partial(_read_fed, path, shapes, batch_size=batch_size, given=given)
    return apart(read, what=str(path), stage=Stage.LOADING)


def _read_fed(path: Path, shapes: dict[str | None, tuple[int, ...]], *, batch_size: int, given: Given) -> Subject:
    subject = with_feeds(_read_subject(path, shapes, batch_size=batch_size), given)
    return with_measured(subject, read_accuracy(path, subject.artifact.sha256))


def _read_subject(path: Path, shapes: dict[str | None, tuple[int, ...]], *, batch_size: int) -> Subject:
    if file_format(path) is Format.COREML:
        return _package_subject(path, shapes, batch_size=batch_size)
    from exporters.derived.machine import check_usable
    from exporters.onnx.channels import unaligned_channels
    from exporters.onnx.graph import external_files, load_graph, opset_of, read_tensors
    from exporters.onnx.sizes import deciding_inputs

    graph = load_graph(path)
    files = [path, *external_files(graph, path)]
    stamps = stamp(*files)
    sha256 = sha256_of(*files)
    machine = check_usable(path, graph, sha256)
    subnormals = _read_subnormals(path, graph, sha256)
    if machine is not None:
        inputs = _inputs(path, machine.inputs, shapes, batch_size)
        return with_remarks(_machine_subject(path, machine, inputs, stamps, subnormals))
    inputs = _inputs(path, read_tensors(graph)[0], shapes, batch_size)
    sidecar = read_sidecar(path)
    if sidecar is not None and sidecar.sha256 == sha256:
        return with_remarks(_zoo_subject(path, sidecar, inputs, stamps, subnormals), unaligned_channels(graph))
    deciding = deciding_inputs(graph)
    inputs = tuple(msgspec.structs.replace(x, decides_sizes=x.name in deciding) for x in inputs)
    size = sum(file.stat().st_size for file in files)
    own = _own_subject(path, Format.ONNX, sha256, inputs, stamps, size=size, opset=opset_of(graph))
    return with_remarks(msgspec.structs.replace(own, subnormals=subnormals), unaligned_channels(graph))


def _read_subnormals(path: Path, graph: "onnx.ModelProto", sha256: str) -> Subnormals | None:
    """What a file's sidecar says of its subnormal numbers, or its weights alone; None where these cannot be read."""
    from exporters.onnx.subnormals import weights

    found = read_subnormals(path, sha256)
    if found is None:
        try:
            found = exporters.Subnormals(weights=weights(graph, path.parent))
        except Exception:  # fed a stranger's bytes, a parser may raise anything; the runtime says what is wrong
            return None
    return _in_records(found)


def _in_records(found: exporters.Subnormals | None) -> Subnormals | None:
    return Subnormals(weights=found.slow_weights, activations=found.activations) if found else None


def say_changed(console: Console, subjects: Iterable[Subject]) -> None:
    """Warn of the user's files that effmod exported, and that are no longer what they were."""
    for subject in subjects:
        if subject.artifact.source is ArtifactSource.FILE and read_sidecar(subject.path) is not None:
            console.warn(
                f"{subject.path} was changed since it was exported: its hash is not its sidecar's, so it is timed as a "
                "file of which nothing is known"
            )


def derived_subject(path: Path, source: Subject) -> Subject:
    """A file that was made of another one: it is fed what that is fed, or the two could not be compared.

    Raises:
        As `file_subject`.
    """
    shapes: dict[str | None, tuple[int, ...]] = {x.name: x.shape for x in source.artifact.inputs}
    made = file_subject(path, shapes, batch_size=1)  # the batch is in the shapes
    return fed_as(msgspec.structs.replace(made, preprocessing=source.preprocessing), source)


def _package_subject(path: Path, shapes: dict[str | None, tuple[int, ...]], *, batch_size: int) -> Subject:
    stamps = stamp(*hashed_files(path))
    sha256 = package_sha256(path)
    sidecar = read_sidecar(path)
    if sidecar is not None and sidecar.sha256 == sha256:
        inputs = _inputs(path, sidecar.inputs, shapes, batch_size)
        return with_remarks(_zoo_subject(path, sidecar, inputs, stamps, _in_records(sidecar.parity.subnormals)))

    from exporters.coreml.package import read_specification, read_tensors

    inputs = _inputs(path, read_tensors(path)[0], shapes, batch_size)
    version = read_specification(path).specificationVersion
    return _own_subject(
        path, Format.COREML, sha256, inputs, stamps, size=size_bytes(path), specification_version=version
    )


def _own_subject(
    path: Path,
    format_: Format,
    sha256: str,
    inputs: tuple[InputTensor, ...],
    stamps: tuple[FileStamp, ...],
    *,
    size: int,
    opset: int | None = None,
    specification_version: int | None = None,
) -> Subject:
    return Subject(
        path=path,
        stamps=stamps,
        preprocessing=Preprocessing(),
        artifact=TimedArtifact(
            name=path.name,
            source=ArtifactSource.FILE,
            format=format_,
            form=None,
            sha256=sha256,
            size_bytes=size,
            opset=opset,
            specification_version=specification_version,
            inputs=inputs,
            weights=None,
            params=None,
            macs=None,
        ),
    )


def _machine_subject(
    path: Path,
    machine: "MachineFile",
    inputs: tuple[InputTensor, ...],
    stamps: tuple[FileStamp, ...],
    subnormals: Subnormals | None,
) -> Subject:
    return Subject(
        path=path,
        stamps=stamps,
        subnormals=subnormals,
        preprocessing=machine.preprocessing,
        artifact=TimedArtifact(
            name=machine.network or path.name,
            source=ArtifactSource.ZOO if machine.network else ArtifactSource.FILE,
            format=Format.ONNX,
            form="machine-specific",
            sha256=machine.sha256,
            size_bytes=machine.size_bytes,
            opset=machine.opset,
            inputs=inputs,
            weights=None,
            params=None,
            macs=None,
        ),
    )


def network_subject(made: MadeNetwork, *, batch_size: int, form: str = "plain") -> Subject:
    """A network of the zoo, or of the user's own, or a detector or segmenter, as PyTorch runs it.

    Args:
        form: of a detector, its mode.
    """
    network = made.network
    subject = Subject(
        path=made.path,
        stamps=stamp(made.path),
        preprocessing=network.preprocessing,
        subnormals=None if network.subnormal_weights is None else Subnormals(weights=network.subnormal_weights),
        artifact=TimedArtifact(
            name=network.model,
            source=ArtifactSource.ZOO,
            format="pytorch",
            form=form,
            sha256=network.sha256,
            size_bytes=network.size_bytes,
            opset=None,
            inputs=_inputs(made.path, [network.input], {}, batch_size),
            weights=str(network.weights),
            params=network.params,
            macs=network.macs,
            attention_macs=network.attention_macs,
        ),
    )
    return with_feeds(with_remarks(subject), NOTHING_GIVEN)


def hashed_files(path: Path) -> list[Path]:
    """The files that an artifact's hash is of: of a package its data, since coremltools rewrites the manifest."""
    return sorted(file for file in (path / "Data").rglob("*") if file.is_file()) if path.is_dir() else [path]


def _zoo_subject(
    path: Path,
    artifact: Artifact,
    inputs: tuple[InputTensor, ...],
    stamps: tuple[FileStamp, ...],
    subnormals: Subnormals | None,
) -> Subject:
    return Subject(
        path=path,
        stamps=stamps,
        subnormals=subnormals,
        preprocessing=artifact.preprocessing,
        artifact=TimedArtifact(
            name=artifact.model,
            source=ArtifactSource.ZOO,
            format=artifact.format,
            form=artifact.form,
            sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
            opset=artifact.opset,
            specification_version=artifact.specification_version,
            inputs=inputs,
            weights=str(artifact.weights),
            params=artifact.params,
            macs=artifact.macs,
        ),
    )


def _inputs(
    path: Path, declared: Sequence[TensorSpec], shapes: dict[str | None, tuple[int, ...]], batch_size: int
) -> tuple[InputTensor, ...]:
    names = [tensor.name for tensor in declared]
    unknown = [name for name in shapes if name is not None and name not in names]
    if unknown:
        raise TargetError(f"{path} has no input {unknown[0]!r}; it has {', '.join(map(repr, names))}")
    if None in shapes and len(names) > 1:
        raise TargetError(f"{path} has {len(names)} inputs; name them, as in --input-shape {names[0]}:1,3,224,224")
    given = {name: shapes[each] for name in names for each in (name, None) if each in shapes}
    sizes = sizes_by_name({tensor.name: tensor.shape for tensor in declared}, given, batch_size, path=path)
    inputs = tuple(
        InputTensor(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=resolve_shape(
                tensor.name, tensor.shape, given.get(tensor.name), path=path, batch_size=batch_size, sizes=sizes
            ),
        )
        for tensor in declared
    )
    for tensor in inputs:
        if not is_fed(tensor.dtype):
            raise TargetError(f"{path}: input {tensor.name!r} has elements that effmod cannot feed: {tensor.dtype}")
    return inputs
