"""`effmod export` from its networks to their files."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import ExitCode, exit_code
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.screen.rewrites import operator_table, say_rewrites
from effmod_bench.screen.verified import rounding_in_words, say_top1
from effmod_bench.targets.limits import check_labels
from effmod_bench.targets.obtain import obtain_artifact
from exporters import Compression, CoreMLConfig, ExportError, Made, OnnxConfig, ParityError, count_operators, deliver
from exporters.rewrites import DECISIVE
from models import ModelSpec
from results.tables.write import OutputFormat

# What goes wrong with one network; a full disk or a missing converter goes wrong with all.
_OF_ONE_NETWORK = (ExitCode.USAGE, ExitCode.CHECK_FAILED)


def export_all(
    console: Console, specs: Sequence[ModelSpec], choices: ExportChoices, folder: Path, *, explain: bool = False
) -> ExitCode:
    """Export networks into a folder; where there are several, a failure of one does not stop the others.

    Raises:
        TargetError: the choices contradict each other, or do not fit a network.
        OutputError: the folder or the cache cannot be written.
        FormatUnavailableError: the format's tools do not run here.
        ImageSizeError, CheckpointError, ExportError, ParityError: the only network failed.
    """
    for spec in specs:
        choices.config(spec)  # wrong choices are said before the minutes that exporting takes
    check_labels(choices, specs)
    failures: dict[str, Exception] = {}
    for spec in specs:
        try:
            made = obtain_artifact(console, spec, choices)
            path = deliver(made.path, folder)
        except Exception as error:
            if len(specs) == 1 or exit_code(error) not in _OF_ONE_NETWORK:
                raise
            console.warn(f"{spec.name} failed; on to the next")
            failures[spec.name] = error
            continue
        _say_what_it_is(console, spec.name, made)
        if explain:
            _explain(console, spec, choices, made)
        console.print(str(path))
    if choices.dynamic_batch and choices.rewrite is None:
        console.note("With --dynamic-batch nothing is rewritten: a rewritten file, faster on a CPU, has a fixed batch")
    if choices.checkpoint is None:
        console.note(
            "Weights are random(seed 0): right for latency, useless for predictions. Trained ones: --checkpoint"
        )
    if not failures:
        return ExitCode.OK
    console.error(f"{len(failures)} of {len(specs)} networks failed:")
    for name, failure in failures.items():
        console.error(f"{name}: {failure}")
    return ExitCode.SOME_FAILED


def export_files(
    console: Console,
    files: Sequence[Path],
    choices: ExportChoices,
    shapes: dict[str | None, tuple[int, ...]],
    folder: Path,
    *,
    explain: bool = False,
) -> None:
    """Rewrite .onnx files of the user's own into a folder.

    Raises:
        TargetError: an option is for networks alone, or a shape is open or does not fit.
        ArtifactError, ExportError, ParityError, OutputError: as `exporters.derived.rewritten.rewrite_file`.
    """
    from effmod_bench.targets.subjects import file_subject
    from exporters.derived.rewritten import rewrite_file

    names = choices.file_rewrites()
    subjects = [file_subject(file, shapes, batch_size=choices.batch_size) for file in files]
    for subject in subjects:
        file = subject.path
        console.note(f"rewriting {file} and checking it ...")
        path, sidecar = rewrite_file(file, folder, names, subject.shapes)
        parity = sidecar.parity
        done = ", ".join(f"{report.name} {report.count}" for report in sidecar.rewrites)
        console.note(
            f"{file.name}: places changed: {done}; against the file over {parity.inputs} inputs: "
            f"max abs error {parity.max_abs_error:.1e}, relative {parity.relative_error:.1e}"
        )
        if sidecar.opset != subject.artifact.opset:
            console.note(f"{file.name}: the rewrites raised its opset from {subject.artifact.opset} to {sidecar.opset}")
        if explain:
            say_rewrites(console, file.name, sidecar.rewrites)
            table = operator_table(file.name, count_operators(file), count_operators(path))
            console.table(table, OutputFormat.TABLE)
        console.print(str(path))


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
    table = operator_table(spec.name, count_operators(plain.path), count_operators(made.path))
    console.table(table, OutputFormat.TABLE)


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
    say_top1(console, name, parity)
    if isinstance(config, CoreMLConfig) and config.compress is not Compression.NONE:
        console.warn(f"{name}: its weights are compressed ({config.compress}): it is not equal to the network")
    if isinstance(config, OnnxConfig) and parity.tolerance is None:
        console.warn(f"{name}: it computes in {config.compute_precision}: it is not equal to the network")
