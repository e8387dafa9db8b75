"""`effmod verify` from a file to what is proved of it."""

import functools
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import ExitCode, TargetError, exit_code
from effmod_bench.isolation.apart import apart
from effmod_bench.isolation.messages import Reporter
from effmod_bench.screen.console import Console
from effmod_bench.screen.verified import Verified, changed_top1, subnormal, verified_table, verified_title, worse
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.limits import check_memory
from effmod_bench.targets.names import is_file, network_input
from exporters import (
    PRETRAINED,
    RANDOM,
    Accuracy,
    ActivationRange,
    Artifact,
    Compression,
    ComputePrecision,
    ExportConfig,
    OnnxConfig,
    Parity,
    ParityError,
    artifact_sha256,
    installed_versions,
    public_name,
    read_sidecar,
    reference,
    sidecar_path,
    weights_identity,
)
from exporters.feeds.given import Given
from exporters.stage import Stage, enter
from models import ModelSpec, Preprocessing, WeightsSource, find_model, is_function
from models.zoo.output import prints_to_standard_error
from results.tables.write import OutputFormat

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder

    from exporters.artifact.evaluator import Evaluator
    from exporters.derived.rewritten import RewrittenFile


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod verify` to do.

    Attributes:
        against: a network's name, or the file that this one was rewritten from; None for what the sidecar names.
        checkpoint: the network's weights, or `RANDOM`; None for those that the sidecar names, or a function returns.
        data: a folder of labelled images.
        given: what a rewritten file and the one that it was made of are fed.
    """

    path: Path
    against: str | None = None
    checkpoint: Path | None = None
    data: Path | None = None
    given: Given = Given()

    def run(self, console: Console, output_format: OutputFormat) -> None:
        """As the function `run`."""
        run(self, console, output_format)


class _Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a file.

    Attributes:
        warnings: what the user should hear beside it.
        failure: what it falls short in; None where it does not.
    """

    title: str
    rows: list[Verified]
    activation_range: ActivationRange | None
    warnings: tuple[str, ...]
    failure: ParityError | None


def run(asked: Verification, console: Console, output_format: OutputFormat) -> None:
    """Compare the artifact with its network, or the file it was made of, try it on images, print what was found.

    A file that is not the one that its sidecar describes is refused whatever it computes; what it computes is told
    where that can be found out.

    Raises:
        ArtifactError, TargetError, UnknownModelError, CheckpointError, ImageFolderError: something cannot be used.
        MachineMismatchError: the artifact is machine-specific, and was made on another kind of machine.
        ParityError: the artifact is not its network, or that file, or not its sidecar's; raised after the table is
            printed.
        UnfinishedError, UnfinishedProofError: loading or running something crashed, or took too long.
    """
    found = apart(functools.partial(_examine, asked, console), what=str(asked.path), stage=Stage.LOADING)
    if found.rows:
        console.table(verified_table(found.title, found.rows, found.activation_range), output_format)
    for warning in found.warnings:
        console.warn(warning)
    if found.failure is not None:
        raise found.failure


def _examine(asked: Verification, reporter: Reporter) -> _Findings:
    changed = _changed(asked.path)
    try:
        found = _compare(asked, reporter)
    except Exception as error:
        if changed is None or exit_code(error) not in (ExitCode.USAGE, ExitCode.CHECK_FAILED):
            raise
        raise ParityError(f"{changed} What was found of it: {error}") from error
    if changed is None:
        return found
    said = f"{changed} What was found of it: {found.failure}" if found.failure is not None else changed
    return msgspec.structs.replace(found, failure=ParityError(said))


def _changed(path: Path) -> str | None:
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


def _compare(asked: Verification, reporter: Reporter) -> _Findings:
    from exporters.derived.rewritten import read_rewritten

    rewritten = read_rewritten(asked.path)
    original = _find_original(asked, rewritten)
    if rewritten is not None and original is not None:
        return _compare_with_original(asked, rewritten, original, reporter)
    if asked.given:
        raise TargetError(
            f"{next(asked.given.options())} is for a file that is compared with the one that it was rewritten from; "
            f"{asked.path} is compared with a network, and both are fed images"
        )
    return _compare_with_network(_resolve(asked), reporter)


def _failure(judge: Callable[[], None]) -> ParityError | None:
    """What a judgement comes to, which is raised after the table is printed."""
    try:
        judge()
    except ParityError as error:
        return error
    return None


def _find_original(asked: Verification, rewritten: "RewrittenFile | None") -> Path | None:
    """The file to compare with; None where it is to be a network, or only the images count."""
    if asked.against is not None and is_file(asked.against):
        if rewritten is None:
            raise TargetError(
                f"{asked.against} is a file, and {asked.path} was not rewritten from one by effmod; name a network "
                "with --against NETWORK"
            )
        if asked.data is not None or asked.checkpoint is not None:
            option = "--data" if asked.data else "--weights" if asked.checkpoint == RANDOM else "--checkpoint"
            raise TargetError(f"{option} is for networks, and {asked.against} is a file; leave one of the two out")
        return Path(asked.against)
    if rewritten is None or any(given is not None for given in (asked.against, asked.checkpoint, asked.data)):
        return None
    beside = asked.path.parent / Path(rewritten.original).name
    if not beside.is_file():
        raise TargetError(
            f"{asked.path} was rewritten from {_original_name(rewritten)}, which is not beside it; say where it is "
            "with --against PATH, or name the network with --against NETWORK"
        )
    return beside


def _original_name(rewritten: "RewrittenFile") -> str:
    return f"{rewritten.original} (sha256 {rewritten.original_sha256[:12]})"


def _compare_with_original(
    asked: Verification, rewritten: "RewrittenFile", original: Path, reporter: Reporter
) -> _Findings:
    from exporters.derived.rewritten import compare_again
    from exporters.proof.files import judge_files

    path = asked.path
    reporter.note(f"comparing {path.name} with {original}, from which it was rewritten ...")
    parity = compare_again(path, rewritten, original, given=asked.given)
    done = ", ".join(f"{report.name} {report.count}" for report in rewritten.rewrites)
    title = f"{path.name}: {_original_name(rewritten)}, rewritten: {done}"
    return _Findings(
        title=title,
        rows=[Verified(precision=ComputePrecision.FLOAT32, parity=parity, accuracy=None)],
        activation_range=None,
        warnings=(*worse(path.name, parity, recorded=rewritten.parity), *subnormal(path.name, parity)),
        failure=_failure(functools.partial(judge_files, original, path, parity)),
    )


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact, and all that it is judged by.

    Attributes:
        sidecar: None for a file of which nothing is known.
        spec: the network to compare with; None where only the images count.
        checkpoint: the network's weights, or `RANDOM`; None for those that it has by itself.
        config: the image and batch size that it is fed.
    """

    path: Path
    artifact: "Evaluator"
    sidecar: Artifact | None
    spec: ModelSpec | None
    checkpoint: Path | None
    config: ExportConfig
    preprocessing: Preprocessing
    images: "ImageFolder | None"


def _resolve(asked: Verification) -> _Case:
    """What the user and the sidecar say; a wrong folder of images is said before the time that comparing takes."""
    path = asked.path
    sidecar = read_sidecar(path)
    artifact = _open(path)
    spec = _find_network(asked, sidecar, sidecar.config.image_size if sidecar is not None else artifact.shape[2])
    config = _made_with(sidecar) if sidecar is not None else _config(artifact, spec)
    check_memory(str(path), network_input(config.batch_size, config.image_size))
    preprocessing = sidecar.preprocessing if sidecar else spec.preprocessing if spec else Preprocessing()
    return _Case(
        path=path,
        artifact=artifact,
        sidecar=sidecar,
        spec=spec,
        checkpoint=_find_checkpoint(asked, sidecar) if spec is not None else None,
        config=config,
        preprocessing=preprocessing,
        images=_read_images(asked.data, preprocessing, config),
    )


def _open(path: Path) -> "Evaluator":
    from exporters.derived.machine import check_usable
    from exporters.onnx.graph import load_graph
    from exporters.proof.open import open_evaluator

    if not path.is_dir():
        graph = load_graph(path)  # refuses what cannot be trusted before the runtime sees it
        check_usable(path, graph, artifact_sha256(path))
    return open_evaluator(path)


def _find_network(asked: Verification, sidecar: Artifact | None, image_size: int | None) -> ModelSpec | None:
    """The network to compare with; None where only the images count.

    Args:
        image_size: that the file takes, and so one of the user's own is to take; None where the file leaves it open.
    """
    if asked.against is None and sidecar is None:
        if asked.data is None:
            raise TargetError(
                f"{asked.path} has no sidecar that names its network; name it with --against NETWORK "
                "(and --checkpoint PATH), or give labelled images with --data FOLDER"
            )
        return None
    name = asked.against or (sidecar.model if sidecar else "")
    if asked.against is None and is_function(name):
        where = shlex.quote(f"PATH/{name}")
        raise TargetError(f"{asked.path} holds {name}, a network of your own; say where it is: --against {where}")
    enter(Stage.LOADING, name)
    return find_model(name, image_size=image_size)


def _made_with(sidecar: Artifact) -> ExportConfig:
    """What a file was made with: one that onnxsim could not simplify was left as it was."""
    config = sidecar.config
    if isinstance(config, OnnxConfig) and sidecar.simplified is False:
        return msgspec.structs.replace(config, simplify=False)
    return config


def _config(artifact: "Evaluator", spec: ModelSpec | None) -> ExportConfig:
    """The image and batch size of a file without a sidecar; what the file leaves open is the network's own, and one."""
    batch, _, height, width = artifact.shape
    if height != width:
        raise TargetError(f"{artifact.name} takes images of {height} x {width}, and effmod feeds square ones")
    size = height or (spec.image_size if spec else None)
    if size is None:
        raise TargetError(f"{artifact.name} leaves its image size open; name its network with --against NETWORK")
    return OnnxConfig(image_size=size, batch_size=batch or 1)


def _find_checkpoint(asked: Verification, sidecar: Artifact | None) -> Path | None:
    if asked.checkpoint is not None or sidecar is None:
        return asked.checkpoint
    match sidecar.weights.source:
        case WeightsSource.CHECKPOINT:
            raise TargetError(
                f"{asked.path} holds the weights of {sidecar.weights}; say where they are with --checkpoint PATH"
            )
        case WeightsSource.PRETRAINED:
            return PRETRAINED
        case WeightsSource.RANDOM:
            return RANDOM
        case WeightsSource.FUNCTION:
            return None


def _read_images(data: Path | None, preprocessing: Preprocessing, config: ExportConfig) -> "ImageFolder | None":
    if data is None:
        return None
    from exporters.proof.accuracy import read_folder

    return read_folder(data, preprocessing, image_size=config.image_size)


def _compare_with_network(case: _Case, reporter: Reporter) -> _Findings:
    from exporters.proof.parity import judge, summary

    parities = _measure_parities(case, reporter)
    accuracies = _measure_accuracies(case, reporter)
    rows = [
        Verified(precision=precision, parity=parities.get(precision), accuracy=accuracies.get(precision))
        for precision in case.artifact.precisions
    ]
    warnings: list[str] = []
    if parities:
        own = summary(case.artifact, parities)
        warnings += [*changed_top1(case.path.name, own), *subnormal(case.path.name, own)]
        if case.sidecar is not None and _is_of(case.sidecar, case.spec):
            warnings += worse(case.path.name, own, recorded=case.sidecar.parity)
    failure = _failure(functools.partial(judge, case.artifact, parities))
    if changed := _changed_weights(case):
        if failure is None:
            warnings.append(f"{case.path.name}: {changed}")
        else:
            failure = ParityError(f"{failure} {changed}")
    return _Findings(
        title=verified_title(case.path, case.sidecar, case.spec),
        rows=rows,
        activation_range=case.artifact.activation_range,
        warnings=tuple(warnings),
        failure=failure,
    )


def _changed_weights(case: _Case) -> str | None:
    """What to say where a function returns other weights than those of which the file was made."""
    if case.sidecar is None or case.spec is None or case.sidecar.weights.source is not WeightsSource.FUNCTION:
        return None
    now = weights_identity(case.spec, case.config.image_size, case.checkpoint)
    if now.source is not WeightsSource.FUNCTION or now == case.sidecar.weights:
        return None
    return (
        f"It was made of other weights than {case.spec.name} returns now: let the function load those that were "
        "exported, and not draw new ones each time"
    )


def _measure_parities(case: _Case, reporter: Reporter) -> Mapping[ComputePrecision, Parity]:
    """By precision; empty where there is no network to compare with."""
    if case.spec is None:
        return {}
    from exporters.proof.parity import TOLERANCES, compare, ending_as, tolerance_of

    reporter.note(f"comparing {case.path.name} with {case.spec.name} ...")
    with_program = _is_known_rounding(case, reporter)
    enter(Stage.MAKING, case.spec.name)
    weights = weights_identity(case.spec, case.config.image_size, case.checkpoint)
    say_weights(reporter, [(case.spec.name, str(weights))])
    expected = reference(case.spec, case.config, checkpoint=case.checkpoint, with_program=with_program)
    with prints_to_standard_error():  # a network of the user's own may print what it is fed
        return compare(
            ending_as(expected.network, case.config),
            case.artifact,
            case.preprocessing,
            origin=expected.origin if case.sidecar is not None and _is_of(case.sidecar, case.spec) else None,
            image_size=case.config.image_size,
            batch_size=case.config.batch_size,
            tolerance=tolerance_of(case.config) if case.sidecar else TOLERANCES[case.artifact.precisions[-1]],
        )


def _is_known_rounding(case: _Case, reporter: Reporter) -> bool:
    """Whether the program can be made again that a float16 artifact is a rounding of."""
    sidecar, name = case.sidecar, case.path.name
    if case.artifact.precisions[-1] is ComputePrecision.FLOAT32:
        return False
    if sidecar is None:
        reporter.note(f"{name} has no sidecar that says how it was made: an error as small as float16's is not seen")
        return False
    if not _is_of(sidecar, case.spec) or getattr(case.config, "compress", Compression.NONE) is not Compression.NONE:
        return False
    here = installed_versions(sidecar.versions)
    others = [f"{maker} {version}" for maker, version in sidecar.versions.items() if here.get(maker) != version]
    if others:
        reporter.note(f"{name} was made with {', '.join(others)}: an error as small as float16's is not seen here")
    return not others


def _is_of(sidecar: Artifact, spec: ModelSpec | None) -> bool:
    """Whether a network is the one that an artifact was made of."""
    return spec is not None and public_name(spec.name) == sidecar.model


def _measure_accuracies(case: _Case, reporter: Reporter) -> Mapping[ComputePrecision, Accuracy]:
    """By precision; empty without images."""
    if case.images is None:
        return {}
    from exporters.proof.accuracy import measure_accuracy

    if case.sidecar is not None and case.sidecar.weights.source is WeightsSource.RANDOM:
        reporter.warn(f"{case.path.name} has random weights: its accuracy says nothing of the network")
    if case.sidecar is None and case.spec is None:
        reporter.note(f"without a sidecar or --against, images are prepared as {_in_words(case.preprocessing)}")
    return measure_accuracy(
        case.artifact,
        case.images,
        case.preprocessing,
        batch_size=case.config.batch_size,
        labels=getattr(case.config, "labels", None),
        progress=functools.partial(reporter.track, what="classifying"),
    )


def _in_words(preprocessing: Preprocessing) -> str:
    return (
        f"ImageNet's usual: {preprocessing.interpolation}, crop {preprocessing.crop_pct}, mean {preprocessing.mean}, "
        f"std {preprocessing.std}"
    )
