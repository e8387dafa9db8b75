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
from effmod_bench.runs.labelled import Labelled, Tried, keep_accuracies
from effmod_bench.runs.opened import (
    changed_since,
    config_of,
    has_random_weights,
    in_words,
    made_with,
    open_artifact,
    preparation_of,
    read_images,
)
from effmod_bench.runs.paired import verify_pair
from effmod_bench.screen.console import Console
from effmod_bench.screen.paired import paired_table
from effmod_bench.screen.verified import (
    Verified,
    changed_top1,
    is_classifier,
    subnormal,
    verified_table,
    verified_title,
    worse,
)
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.limits import check_memory
from effmod_bench.targets.names import is_file, is_of_effmod, network_input
from effmod_bench.targets.trained import check_whose
from exporters import (
    PRETRAINED,
    RANDOM,
    ActivationRange,
    Artifact,
    Compression,
    ComputePrecision,
    ExportConfig,
    Parity,
    ParityError,
    installed_versions,
    public_name,
    read_sidecar,
    reference,
    weights_identity,
)
from exporters.feeds.given import Given
from exporters.making.file import still_in_words
from exporters.stage import Stage, enter
from models import ModelSpec, Preprocessing, WeightsSource, find_model, is_function
from models.zoo.classes import of_checkpoint
from models.zoo.output import prints_to_standard_error
from results import Store
from results.tables.write import OutputFormat

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder

    from exporters.artifact.evaluator import Evaluator
    from exporters.derived.rewritten import RewrittenFile


_RGB = 3


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod verify` to do.

    Attributes:
        against: a network's name, or the file that this one was rewritten from, or with `data` any file; None for what
            the sidecar names.
        checkpoint: the network's weights, or `RANDOM`; None for those that the sidecar names, or a function returns.
        checkpoint_of: the name of its network, where the user gave one with it.
        data: a folder of labelled images.
        skip_corrupt: leave out those that cannot be read.
        store: that the accuracy is put into, too; None for the sidecar alone.
        given: what a rewritten file and the one that it was made of are fed.
    """

    path: Path
    against: str | None = None
    checkpoint: Path | None = None
    checkpoint_of: str | None = None
    data: Path | None = None
    skip_corrupt: bool = False
    store: Path | None = None
    given: Given = Given()

    def run(self, console: Console, output_format: OutputFormat) -> None:
        """As the function `run`."""
        run(self, console, output_format)


class _Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a file.

    Attributes:
        warnings: what the user should hear beside it.
        failure: what it falls short in; None where it does not.
        tried: the files whose accuracy was found.
    """

    title: str
    rows: list[Verified]
    activation_range: ActivationRange | None
    warnings: tuple[str, ...]
    failure: ParityError | None
    tried: tuple[Tried, ...] = ()


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
    _refuse_network(asked.path)
    store = None if asked.store is None else Store(asked.store)
    if asked.data is None and (asked.skip_corrupt or store is not None):
        raise TargetError(f"{'--store' if store else '--skip-corrupt'} is for labelled images: add --data FOLDER")
    if store is not None:
        store.check_writable()  # before the hours that many images take
    if asked.against is not None and asked.data is not None and is_file(asked.against):
        console.expect(paired_table(()))
        _refuse_network_options(asked)
        verify_pair(
            asked.path,
            Path(asked.against),
            asked.data,
            console,
            output_format,
            store=store,
            skip_corrupt=asked.skip_corrupt,
        )
        return
    console.expect(verified_table("", [], None))
    found = apart(functools.partial(_examine, asked, console), what=str(asked.path), stage=Stage.LOADING)
    keep_accuracies(console, found.tried, store)
    if found.rows:
        console.table(verified_table(found.title, found.rows, found.activation_range), output_format)
    for warning in found.warnings:
        console.warn(warning)
    if found.failure is not None:
        raise found.failure


def _refuse_network(path: Path) -> None:
    """Refuse the name of a network in the place of its file.

    Raises:
        TargetError: it is one.
    """
    name = str(path)
    if not path.exists() and is_of_effmod(name):
        raise TargetError(
            f"{name} is a network, and a file of it is verified: 'effmod export {name}' makes one, and proves it"
        )


def _refuse_network_options(asked: Verification) -> None:
    """Refuse what is of no use where two files are tried on images.

    Raises:
        TargetError: that was given.
    """
    if asked.checkpoint is not None or asked.given:
        option = next(asked.given.options(), "--weights" if asked.checkpoint == RANDOM else "--checkpoint")
        raise TargetError(
            f"{option} is of no use where two files are tried on the same images, as --against {asked.against} and "
            "--data ask; leave it out"
        )


def _examine(asked: Verification, reporter: Reporter) -> _Findings:
    changed = changed_since(asked.path)
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
    return _compare_with_network(_resolve(asked, reporter), reporter)


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
                "with --against NETWORK, or give labelled images, --data FOLDER, to know which is right more often"
            )
        if asked.checkpoint is not None:
            option = "--weights" if asked.checkpoint == RANDOM else "--checkpoint"
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
    skip_corrupt: bool


def _resolve(asked: Verification, reporter: Reporter) -> _Case:
    """What the user and the sidecar say; a wrong folder of images is said before the time that comparing takes."""
    path = asked.path
    sidecar = read_sidecar(path)
    artifact = open_artifact(path)
    image_size = sidecar.config.image_size if sidecar is not None else artifact.shape[2]
    spec = _find_network(asked, sidecar, image_size, reporter)
    config = made_with(sidecar) if sidecar is not None else config_of(artifact, spec)
    check_memory(str(path), network_input(config.batch_size, config.image_size))
    preprocessing = preparation_of(path) or (spec.preprocessing if spec else Preprocessing())
    if asked.data is not None and (preprocessing.channels != _RGB or (sidecar and not is_classifier(sidecar))):
        raise TargetError(f"--data is for classifiers of RGB images, and {path} is none; leave it out")
    return _Case(
        path=path,
        artifact=artifact,
        sidecar=sidecar,
        spec=spec,
        checkpoint=_find_checkpoint(asked, sidecar) if spec is not None else None,
        config=config,
        preprocessing=preprocessing,
        images=None if asked.data is None else read_images(asked.data, preprocessing, config),
        skip_corrupt=asked.skip_corrupt,
    )


def _needed_to_compare(asked: Verification, sidecar: Artifact | None) -> str:
    """What the user would have to give besides images for a file to be compared with its network; "" for nothing."""
    if sidecar is None or asked.against is not None or asked.checkpoint is not None:
        return ""
    if is_function(sidecar.model):
        return f"--against {shlex.quote(f'PATH/{sidecar.model}')}"
    return f"--checkpoint PATH, of {sidecar.weights}" if sidecar.weights.source is WeightsSource.CHECKPOINT else ""


def _find_network(
    asked: Verification, sidecar: Artifact | None, image_size: int | None, reporter: Reporter
) -> ModelSpec | None:
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
    if asked.data is not None and (missing := _needed_to_compare(asked, sidecar)):
        reporter.note(f"{asked.path.name} is tried on the images alone; to compare it with {name}, too: {missing}")
        return None
    if asked.against is None and is_function(name):
        where = shlex.quote(f"PATH/{name}")
        raise TargetError(f"{asked.path} holds {name}, a network of your own; say where it is: --against {where}")
    enter(Stage.LOADING, name)
    spec = find_model(name, image_size=image_size)
    check_whose(asked.checkpoint_of, asked.checkpoint, spec)
    if asked.checkpoint is None or not asked.checkpoint.is_file():
        return spec
    return of_checkpoint(spec, asked.checkpoint, image_size=image_size or spec.image_size)


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


def _compare_with_network(case: _Case, reporter: Reporter) -> _Findings:
    from exporters.proof.parity import judge, summary

    parities = _measure_parities(case, reporter)
    tried = _try(case, reporter)
    accuracies = {each.precision: each for each in tried.accuracies} if tried else {}
    rows = [
        Verified(precision=precision, parity=parities.get(precision), accuracy=accuracies.get(precision))
        for precision in case.artifact.precisions
    ]
    warnings: list[str] = []
    if parities:
        own = summary(case.artifact, parities)
        if case.sidecar is None or is_classifier(case.sidecar):
            warnings += changed_top1(case.path.name, own)
        warnings += still_in_words(case.path.name, own)
        warnings += subnormal(case.path.name, own)
        if case.sidecar is not None and _is_of(case.sidecar, case.spec):
            warnings += worse(case.path.name, own, recorded=case.sidecar.parity)
    failure = _failure(functools.partial(judge, case.artifact, parities)) if parities else None
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
        tried=(tried,) if tried else (),
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


def _try(case: _Case, reporter: Reporter) -> Tried | None:
    """How often the file is right; None without images."""
    if case.images is None:
        return None
    if case.sidecar is None and case.spec is None and preparation_of(case.path) is None:
        reporter.note(f"without a sidecar or --against, images are prepared as {in_words(case.preprocessing)}")
    labelled = Labelled(
        path=case.path,
        artifact=case.artifact,
        config=case.config,
        preprocessing=case.preprocessing,
        images=case.images,
        is_random=has_random_weights(case.path),
    )
    return labelled.tried(labelled.classify(reporter, skip_corrupt=case.skip_corrupt))
