"""`effmod export` from its networks to their files."""

import functools
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.instrument.subject import Subject
from effmod_bench.isolation.apart import apart
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.several import do_all, say_failed
from effmod_bench.screen.console import Console
from effmod_bench.screen.rewrites import operator_table, say_rewrites
from effmod_bench.screen.verified import changed_top1, is_classifier, noise_in_words, rounding_in_words, subnormal
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.limits import check_labels
from effmod_bench.targets.obtain import find_artifact, obtain_artifact
from effmod_bench.targets.subjects import file_subject
from effmod_bench.targets.trained import with_weights
from exporters import (
    Artifact,
    Compression,
    CoreMLConfig,
    Made,
    NotRunError,
    OnnxConfig,
    Parity,
    count_operators,
    deliver,
    sweep_partial,
)
from exporters.feeds.given import Given, resolve
from exporters.feeds.rule import by_rule
from exporters.rewrites import DECISIVE, RewriteReport
from exporters.stage import Stage
from models import ModelSpec, Weights, WeightsSource
from results.tables.words import counted
from results.tables.write import OutputFormat


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was rewritten: where the new one is, and what its sidecar says that the user hears."""

    path: Path
    rewrites: tuple[RewriteReport, ...]
    dropped: dict[str, str]
    constant_inputs: int
    opset: int
    parity: Parity


def export_all(
    console: Console,
    specs: Sequence[ModelSpec],
    choices: ExportChoices,
    folder: Path,
    *,
    explain: bool = False,
    failures: Mapping[str, Exception] | None = None,
) -> ExitCode:
    """Export networks into a folder; where there are several, a failure of one does not stop the others.

    Args:
        failures: of networks that were to be exported, too, by name.

    Raises:
        TargetError: the choices contradict each other, or do not fit a network.
        OutputError: the folder or the cache cannot be written.
        FormatUnavailableError: the format's tools do not run here.
        ImageSizeError, CheckpointError, ExportError, ParityError: the only network failed.
    """
    for spec in specs:
        choices.config(spec)  # wrong choices are said before the minutes that exporting takes
    networks = [with_weights(spec, choices) for spec in specs]
    check_labels(choices, [each.spec for each in networks])
    weights: dict[str, Weights] = {}

    def export(spec: ModelSpec, choices: ExportChoices) -> None:
        made = obtain_artifact(console, spec, choices)
        path = deliver(made.path, folder)
        weights[spec.name] = made.artifact.weights
        _say_what_it_is(console, spec.name, made)
        if explain:
            _explain(console, spec, choices, made)
        console.print(str(path))

    work = {each.spec.name: functools.partial(export, each.spec, each.choices) for each in networks}
    failed = do_all(console, work, failures or {})
    if choices.dynamic_batch and choices.rewrite is None:
        console.note("With --dynamic-batch nothing is rewritten: a rewritten file, faster on a CPU, has a fixed batch")
    say_weights(console, [(name, str(each)) for name, each in weights.items()])
    if any(each.source is WeightsSource.RANDOM for each in weights.values()):
        console.note("Random weights are right for latency, and useless for predictions. Trained ones: --checkpoint")
    return say_failed(console, failed, len(work) + len(failures or {}), "networks")


def export_files(
    console: Console,
    files: Sequence[Path],
    choices: ExportChoices,
    shapes: dict[str | None, tuple[int, ...]],
    folder: Path,
    *,
    given: Given,
    explain: bool = False,
) -> ExitCode:
    """Rewrite .onnx files of the user's own into a folder; of several, a failure of one does not stop the others.

    Args:
        given: what they are fed where they are compared.

    Raises:
        TargetError: an option is for networks alone; or of the only file a shape is open or does not fit.
        OutputError: the folder cannot be written.
        ArtifactError, ExportError, ParityError: the only file failed.
    """
    names = choices.file_rewrites()

    def rewrite(file: Path) -> None:
        subject = file_subject(file, shapes, batch_size=choices.batch_size, given=given)
        console.note(f"rewriting {file} and checking it ...")
        work = functools.partial(_rewrite, subject, folder, names)
        try:
            made = apart(work, what=str(file), stage=Stage.LOADING, sweep=functools.partial(sweep_partial, folder))
        except NotRunError as error:
            if guessed := _guessed(subject, given):
                raise NotRunError(f"{str(error).rstrip('.')}. {guessed}") from error
            raise
        _say_rewritten(console, file, made, opset=subject.artifact.opset)
        if explain:
            say_rewrites(console, file.name, made.rewrites)
            _say_operators(console, file.name, file, made.path)
        console.print(str(made.path))

    work = {str(file): functools.partial(rewrite, file) for file in files}
    return say_failed(console, do_all(console, work, {}), len(work), "files")


def _guessed(subject: Subject, given: Given) -> str | None:
    """What was fed to whole numbers of which nobody said anything, and may be why a file did not run."""
    said = resolve(given, subject.artifact.inputs, subject.path)
    fed = {
        x.name: subject.feeds[x.name][0] for x in subject.artifact.inputs if x.name not in said and by_rule(x) is None
    }
    if not fed:
        return None
    told = " and ".join(f"{name!r} was fed {words}" for name, words in fed.items())
    return f"{told}, since nobody said what it takes and no other number ran either: --feed {next(iter(fed))}=N says it"


def _rewrite(given: Subject, folder: Path, names: tuple[str, ...]) -> Rewritten:
    from exporters.derived.rewritten import rewrite_file

    path, sidecar = rewrite_file(given.path, folder, names, given.shapes, given=given.feeds)
    return Rewritten(
        path=path,
        rewrites=sidecar.rewrites,
        dropped=sidecar.dropped,
        constant_inputs=sidecar.constant_inputs,
        opset=sidecar.opset,
        parity=sidecar.parity,
    )


def _say_rewritten(console: Console, file: Path, made: Rewritten, *, opset: int | None) -> None:
    parity = made.parity
    done = ", ".join(f"{report.name} {report.count}" for report in made.rewrites)
    console.note(
        f"{file.name}: places changed: {done}; against the file over {parity.inputs} inputs: "
        f"max abs error {parity.max_abs_error:.1e}, relative {parity.relative_error:.1e}"
    )
    for words in noise_in_words(parity):
        console.note(f"{file.name}: {words}")
    for name, why in made.dropped.items():
        console.warn(f"{file.name}: {name} was left out: {why}")
    if made.opset != opset:
        console.note(f"{file.name}: the rewrites raised its opset from {opset} to {made.opset}")
    if made.constant_inputs:
        console.note(
            f"{file.name}: {made.constant_inputs} of its inputs hold weights; in the new file they are constants"
        )
    for warning in subnormal(file.name, parity):
        console.warn(warning)


def _say_operators(console: Console, name: str, before: Path | None, after: Path) -> None:
    """How many operators of each kind a file has, beside those of another one where there is one."""
    table = operator_table(name, None if before is None else _operators_of(before), _operators_of(after))
    console.table(table, OutputFormat.TABLE)


def _operators_of(path: Path) -> Counter[str]:
    return apart(functools.partial(count_operators, path), what=str(path), stage=Stage.LOADING)


def _explain(console: Console, spec: ModelSpec, choices: ExportChoices, made: Made) -> None:
    artifact = made.artifact
    if artifact.is_plain and artifact.config.rewrites:
        console.note(
            f"{spec.name}: left plain, for {' and '.join(DECISIVE)} find nothing to change in it, and the others alone "
            "win nothing"
        )
    say_rewrites(console, spec.name, artifact.rewrites)
    if artifact.is_plain:
        return
    # Making it for its operators alone would take as long as the export itself.
    plain = find_artifact(spec, msgspec.structs.replace(choices, rewrite="none"))
    _say_operators(console, spec.name, plain.path if plain else None, made.path)
    if plain is None:
        console.note(
            f"{spec.name}: the plain form was not made yet; after 'effmod export {shlex.quote(spec.name)} --rewrite "
            "none' its operators stand beside these"
        )


def _say_what_it_is(console: Console, name: str, made: Made) -> None:
    artifact, parity = made.artifact, made.artifact.parity
    config = artifact.config
    if isinstance(config, CoreMLConfig):
        what = f"{config.target}, {config.compute_precision}, specification version {artifact.specification_version}"
    else:
        what = f"opset {artifact.opset}, {config.compute_precision}"
    fast = f", fast in {' and '.join(artifact.fast_on)}" if artifact.fast_on else ""
    console.note(
        f"{name}: {artifact.form} form{fast}, {what}, {artifact.size_bytes / 1e6:.1f} MB; "
        f"against the network over {parity.inputs} images: "
        f"max abs error {parity.max_abs_error:.1e}, relative {parity.relative_error:.1e}, {_what_it_gives(artifact)}"
    )
    if parity.rounding is not None:
        console.note(f"{name}: {rounding_in_words(parity.rounding)}")
    for words in noise_in_words(parity):
        console.warn(f"{name}: {words}")
    for warning in (*(changed_top1(name, parity) if is_classifier(artifact) else ()), *subnormal(name, parity)):
        console.warn(warning)
    if isinstance(config, CoreMLConfig) and config.compress is not Compression.NONE:
        console.warn(f"{name}: its weights are compressed ({config.compress}): it is not equal to the network")
    if isinstance(config, OnnxConfig) and parity.tolerance is None:
        console.warn(f"{name}: it computes in {config.compute_precision}: it is not equal to the network")


def _what_it_gives(artifact: Artifact) -> str:
    if is_classifier(artifact):
        return f"same top-1 in {artifact.parity.top1_agreement:.0%}"
    given = [f"{each.name} {','.join(map(str, each.shape or ()))}" for each in artifact.outputs]
    return f"{'the worst of ' if len(given) > 1 else ''}{counted(len(given), 'output')}: {'; '.join(given)}"
