"""`effmod export` from its networks to their files."""

import functools
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
from effmod_bench.screen.verified import changed_top1, rounding_in_words, subnormal
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.limits import check_labels
from effmod_bench.targets.obtain import obtain_artifact
from effmod_bench.targets.subjects import file_subject
from exporters import (
    Compression,
    CoreMLConfig,
    ExportError,
    Made,
    OnnxConfig,
    Parity,
    ParityError,
    count_operators,
    deliver,
    sweep_partial,
)
from exporters.feeds.given import Given
from exporters.rewrites import DECISIVE, RewriteReport
from exporters.stage import Stage
from models import ModelSpec, Weights, WeightsSource
from results.tables.write import OutputFormat


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was rewritten: where the new one is, and what its sidecar says that the user hears."""

    path: Path
    rewrites: tuple[RewriteReport, ...]
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
    check_labels(choices, specs)
    weights: dict[str, Weights] = {}

    def export(spec: ModelSpec) -> None:
        made = obtain_artifact(console, spec, choices)
        path = deliver(made.path, folder)
        weights[spec.name] = made.artifact.weights
        _say_what_it_is(console, spec.name, made)
        if explain:
            _explain(console, spec, choices, made)
        console.print(str(path))

    work = {spec.name: functools.partial(export, spec) for spec in specs}
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
        made = apart(work, what=str(file), stage=Stage.LOADING, sweep=functools.partial(sweep_partial, folder))
        _say_rewritten(console, file, made, opset=subject.artifact.opset)
        if explain:
            say_rewrites(console, file.name, made.rewrites)
            _say_operators(console, file.name, file, made.path)
        console.print(str(made.path))

    work = {str(file): functools.partial(rewrite, file) for file in files}
    return say_failed(console, do_all(console, work, {}), len(work), "files")


def _rewrite(given: Subject, folder: Path, names: tuple[str, ...]) -> Rewritten:
    from exporters.derived.rewritten import rewrite_file

    path, sidecar = rewrite_file(given.path, folder, names, given.shapes, given=given.feeds)
    return Rewritten(path=path, rewrites=sidecar.rewrites, opset=sidecar.opset, parity=sidecar.parity)


def _say_rewritten(console: Console, file: Path, made: Rewritten, *, opset: int | None) -> None:
    parity = made.parity
    done = ", ".join(f"{report.name} {report.count}" for report in made.rewrites)
    console.note(
        f"{file.name}: places changed: {done}; against the file over {parity.inputs} inputs: "
        f"max abs error {parity.max_abs_error:.1e}, relative {parity.relative_error:.1e}"
    )
    if made.opset != opset:
        console.note(f"{file.name}: the rewrites raised its opset from {opset} to {made.opset}")
    for warning in subnormal(file.name, parity):
        console.warn(warning)


def _say_operators(console: Console, name: str, before: Path, after: Path) -> None:
    """How many operators of each kind two files have."""
    counts = [
        apart(functools.partial(count_operators, path), what=str(path), stage=Stage.LOADING) for path in (before, after)
    ]
    console.table(operator_table(name, *counts), OutputFormat.TABLE)


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
    try:
        plain = obtain_artifact(console, spec, msgspec.structs.replace(choices, rewrite="none"))
    except (ExportError, ParityError) as error:
        console.warn(f"{spec.name}: its operators before the rewrites are not known, its plain form failed: {error}")
        return
    _say_operators(console, spec.name, plain.path, made.path)


def _say_what_it_is(console: Console, name: str, made: Made) -> None:
    artifact, parity = made.artifact, made.artifact.parity
    config = artifact.config
    if isinstance(config, CoreMLConfig):
        what = f"{config.target}, {config.compute_precision}, specification version {artifact.specification_version}"
    else:
        what = f"opset {artifact.opset}, {config.compute_precision}"
    console.note(
        f"{name}: {artifact.form} form, {what}, {artifact.size_bytes / 1e6:.1f} MB; "
        f"against the network over {parity.inputs} images: "
        f"max abs error {parity.max_abs_error:.1e}, relative {parity.relative_error:.1e}, "
        f"same top-1 in {parity.top1_agreement:.0%}"
    )
    if parity.rounding is not None:
        console.note(f"{name}: {rounding_in_words(parity.rounding)}")
    for warning in (*changed_top1(name, parity), *subnormal(name, parity)):
        console.warn(warning)
    if isinstance(config, CoreMLConfig) and config.compress is not Compression.NONE:
        console.warn(f"{name}: its weights are compressed ({config.compress}): it is not equal to the network")
    if isinstance(config, OnnxConfig) and parity.tolerance is None:
        console.warn(f"{name}: it computes in {config.compute_precision}: it is not equal to the network")
