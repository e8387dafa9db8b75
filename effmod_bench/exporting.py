"""`effmod export` from its networks to their files."""

from collections.abc import Sequence
from pathlib import Path

from effmod_bench.console import Console
from effmod_bench.errors import ExitCode, exit_code
from effmod_bench.targets import ExportChoices
from exporters import (
    Compression,
    CoreMLConfig,
    Made,
    MadeNetwork,
    deliver,
    is_cached,
    is_network_cached,
    obtain,
    obtain_network,
)
from exporters.rewrites import RewriteReport
from models import ModelSpec

# What goes wrong with one network; a full disk or a missing converter goes wrong with all.
_OF_ONE_NETWORK = (ExitCode.USAGE, ExitCode.CHECK_FAILED)


def export_all(
    console: Console, specs: Sequence[ModelSpec], choices: ExportChoices, folder: Path, *, explain: bool = False
) -> ExitCode:
    """Export networks into a folder; where there are several, a failure of one does not stop the others.

    Raises:
        TargetError: the choices contradict each other.
        OutputError: the folder or the cache cannot be written.
        FormatUnavailableError: the format's tools do not run here.
        ImageSizeError, CheckpointError, ExportError, ParityError: the only network failed.
    """
    for spec in specs:
        choices.config(spec)  # wrong choices are said before the minutes that exporting takes
    failures: dict[str, Exception] = {}
    for spec in specs:
        try:
            made = obtain_artifact(console, spec, choices)
            path = deliver(made, folder)
        except Exception as error:
            if len(specs) == 1 or exit_code(error) not in _OF_ONE_NETWORK:
                raise
            console.warn(f"{spec.name} failed; on to the next")
            failures[spec.name] = error
            continue
        _say_what_it_is(console, spec.name, made)
        if explain:
            _explain(console, spec.name, made.artifact.rewrites)
        console.print(str(path))
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


def obtain_artifact(console: Console, spec: ModelSpec, choices: ExportChoices) -> Made:
    """The artifact of a network, with a word to the user where it takes time or something was wrong."""
    config = choices.config(spec)
    if not is_cached(spec, config, checkpoint=choices.checkpoint):
        console.note(f"exporting {spec.name} ({choices.format}) and checking it ...")
    made = obtain(spec, config, checkpoint=choices.checkpoint)
    if made.note:
        console.warn(made.note)
    if made.artifact.simplified is False:
        console.warn(f"{spec.name}: onnxsim failed or changed the outputs, so the file is not simplified")
    console.detail(f"{spec.name}: {made.path}")
    return made


def obtain_weights(console: Console, spec: ModelSpec, choices: ExportChoices) -> MadeNetwork:
    """The network itself, for PyTorch, with a word to the user where it takes time or something was wrong."""
    image_size = choices.image_size or spec.image_size
    if not is_network_cached(spec, image_size=image_size, checkpoint=choices.checkpoint):
        console.note(f"making the weights of {spec.name} ...")
    made = obtain_network(spec, image_size=image_size, checkpoint=choices.checkpoint)
    if made.note:
        console.warn(made.note)
    console.detail(f"{spec.name}: {made.path}")
    return made


def _explain(console: Console, name: str, reports: Sequence[RewriteReport]) -> None:
    if not reports:
        console.note(f"{name}: nothing was rewritten")
    for report in reports:
        console.note(f"{name}: {report.name} ({report.equivalence}): {report.count} places")
        for skipped in report.skipped:
            console.note(f"  left alone: {skipped}")


def _say_what_it_is(console: Console, name: str, made: Made) -> None:
    artifact, parity = made.artifact, made.artifact.parity
    config = artifact.config
    if isinstance(config, CoreMLConfig):
        what = f"{config.target}, {config.compute_precision}, specification version {artifact.specification_version}"
    else:
        what = f"opset {artifact.opset}"
    console.note(
        f"{name}: {what}, {artifact.size_bytes / 1e6:.1f} MB; against the network over {parity.inputs} images: "
        f"max abs error {parity.max_abs_error:.1e}, relative {parity.relative_error:.1e}, "
        f"same top-1 in {parity.top1_agreement:.0%}"
    )
    if isinstance(config, CoreMLConfig) and config.compress is not Compression.NONE:
        console.warn(f"{name}: its weights are compressed ({config.compress}): it is not equal to the network")
