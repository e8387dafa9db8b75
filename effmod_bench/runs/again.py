"""The command that measures again what a store holds. It names files without their folders, as records do."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from effmod_bench.instrument.sessions.registry import RUNTIMES
from effmod_bench.options.export import ExportChoices
from effmod_bench.options.protocol import Pairs, Rounds, Undecided
from effmod_bench.options.settings import asked_for
from effmod_bench.runs.plan import RunPlan
from effmod_bench.runs.without_folders import fed_without_folders, name_of_target, without_folder
from exporters import PRETRAINED, RANDOM
from models import UnknownModelError, find_model
from models.dense.spec import is_dense
from models.zoo.named import split
from models.zoo.spec import has_row
from results import (
    ArtifactSource,
    BenchPlan,
    Comparison,
    ComparisonPlan,
    Device,
    GraphOptimization,
    Measurement,
    Runtime,
    RuntimeOptions,
    TimedArtifact,
)

_PROCESSES = ComparisonPlan().processes


def bench_command(measurement: Measurement, plan: BenchPlan, run: RunPlan | None) -> str:
    """What times one measurement's artifact again, alone.

    Args:
        plan: of its first round.
        run: of its first round; None where the store has none: of older records, or copied ones.
    """
    parts = ["effmod", "bench", measurement.name]
    parts += _of_runtime(measurement.device, measurement.options)
    parts += _option("--threads", measurement.threads if measurement.device is Device.CPU else None)
    usual = Rounds()
    for name, value, default in (
        ("--runs", plan.runs, usual.runs),
        ("--rounds", plan.rounds, usual.rounds),
        ("--warmup", plan.warmup_runs, usual.warmup),
        ("--seed", plan.seed, usual.seed),
    ):
        parts += _option(name, value, default)
    parts += _on(measurement.place)
    anchored = measurement.anchored
    if anchored is not None and anchored.anchor != measurement.artifact:
        parts += ["--anchor", anchored.anchor.name]
        parts += _option("--processes", anchored.plan.processes, _PROCESSES)
        parts += _option("--until", _percent(anchored.plan.until))
    return shlex.join([*parts, *_of_artifacts([measurement.artifact], run)])


def compare_command(comparison: Comparison, run: RunPlan | None) -> str | None:
    """What times two in turn again; None for those that no `effmod compare` timed, but `effmod tune`.

    Of two runtimes it times each of the two by both, with each setting by those that know it. Where the two were run in
    other ways than that, no command asks for them.

    Args:
        run: as of `bench_command`.
    """
    plan = comparison.plan
    options = asked_for([plan.options, comparison.options])
    if plan.of_race or (plan.target_options and run is None) or options is None:
        return None
    runtimes = dict.fromkeys((plan.options.runtime, comparison.options.runtime))
    parts = ["effmod", "compare", comparison.baseline.name]
    parts += [] if comparison.control or (len(runtimes) > 1 and _is_same(comparison)) else [comparison.candidate.name]
    parts += _of_runtime(plan.device, options, runtimes)
    parts += _option("--threads", comparison.threads if plan.device is Device.CPU else None)
    parts += _on(comparison.place)
    parts += ["--control"] if comparison.control else []
    usual = Pairs()
    for name, value, default in (
        ("--processes", plan.processes, _PROCESSES),
        ("--blocks", plan.blocks, usual.blocks),
        ("--warmup", plan.warmup_runs, usual.warmup),
        ("--seed", plan.seed, usual.seed),
        ("--margin", _percent(plan.margin), _percent(usual.margin)),
        ("--fail-if-slower", _percent(plan.fail_if_slower), None),
        ("--until", "decided" if plan.until_decided else _percent(plan.until), None),
        ("--spread", _seconds(plan.spread_s), None),
        ("--max-time", _seconds(plan.max_time_s), None),
    ):
        parts += _option(name, value, default)
    if plan.fail_if_slower is not None and run is not None and run.undecided_pass:
        parts += ["--undecided", str(Undecided.PASS)]
    return shlex.join([*parts, *_of_artifacts([comparison.candidate, comparison.baseline], run)])


def _is_same(comparison: Comparison) -> bool:
    """Whether both are of one network or file, which PyTorch runs as another file than the others."""
    return comparison.candidate.name == comparison.baseline.name


def _of_runtime(device: Device, options: RuntimeOptions, runtimes: Iterable[Runtime] = ()) -> Iterator[str]:
    """Where it ran, and how.

    Args:
        runtimes: where there are several.
    """
    if device is not Device.CPU or options.device_index:
        yield from ("--device", f"{device}:{options.device_index}" if options.device_index else str(device))
    yield from _option("--runtime", ",".join(runtimes) or options.runtime, RUNTIMES[device][0])
    yield from _option("--compute-units", options.compute_units)
    yield from _option("--graph-optimization", options.graph_optimization, GraphOptimization.ALL)
    flags = {
        "--no-spinning": not options.allow_spinning,
        "--denormal-as-zero": options.denormal_as_zero,
        "--include-transfers": options.include_transfers,
        "--cuda-graph": options.cuda_graph,
        "--tf32": options.use_tf32,
        "--prefer-nhwc": options.prefer_nhwc,
        "--allow-fallback": options.allow_fallback,
    }
    yield from (name for name, given in flags.items() if given)


def _of_artifacts(artifacts: Sequence[TimedArtifact], run: RunPlan | None) -> Iterator[str]:
    """How files were made, and what they were fed. Of a command's networks all share the options."""
    network = next((each for each in artifacts if each.source is ArtifactSource.ZOO), None)
    yield from _option("--batch-size", _batch_size(network, artifacts[0], run), 1)
    if network is not None:
        yield from _of_network(network, run)
    if run is not None:
        yield from _of_checkpoints(artifacts, run)
        for name, shape in run.input_shapes:
            sizes = ",".join(map(str, shape))
            yield from ("--input-shape", f"{name}:{sizes}" if name else sizes)
        yield from fed_without_folders(run.given).options()


def _batch_size(network: TimedArtifact | None, file: TimedArtifact, run: RunPlan | None) -> int:
    if network is not None:
        return network.batch_size
    if run is None:
        return 1  # a file's own batch is in it
    return file.batch_size if run.batch_sizes else run.choices.batch_size


def _of_network(artifact: TimedArtifact, run: RunPlan | None) -> Iterator[str]:
    choices = run.choices if run is not None else _choices_of(artifact)
    yield from _option("--image-size", _image_size(artifact, run))
    yield from _option("--rewrite", choices.rewrite)
    usual = ExportChoices()
    for name, field in (
        ("--compute-precision", "compute_precision"),
        ("--opset", "opset"),
        ("--target", "target"),
        ("--input", "input"),
        ("--compress", "compress"),
    ):
        yield from _option(name, getattr(choices, field), getattr(usual, field))
    flags = {
        "--dynamic-batch": choices.dynamic_batch,
        "--no-simplify": not choices.simplify,
        "--softmax": choices.softmax,
    }
    yield from (name for name, given in flags.items() if given)
    yield from _of_weights(choices.checkpoint)


def _image_size(artifact: TimedArtifact, run: RunPlan | None) -> int | None:
    """Where it was asked for; of a run that is not known, where it is not the network's own."""
    if run is not None:
        return artifact.image_size if run.image_sizes or run.choices.image_size else None
    if is_dense(artifact.name):
        return None
    base = split(artifact.name)[0]
    try:
        own = find_model(base).image_size if has_row(base) else None
    except UnknownModelError:  # a zoo of another version had it
        own = None
    return None if artifact.image_size == own else artifact.image_size


def _choices_of(artifact: TimedArtifact) -> ExportChoices:
    """What an artifact says of how it was made, where nothing else does."""
    usual = ExportChoices()
    return ExportChoices(
        rewrite="none" if artifact.form == "plain" else None,
        opset=artifact.opset or usual.opset,
    )


def _of_weights(checkpoint: Path | None) -> list[str]:
    if checkpoint is None:
        return []
    if checkpoint == RANDOM:
        return ["--weights", str(RANDOM)]
    return ["--checkpoint", str(checkpoint) if checkpoint == PRETRAINED else str(without_folder(checkpoint))]


def _of_checkpoints(artifacts: Sequence[TimedArtifact], run: RunPlan) -> Iterator[str]:
    """Those that were given by a network's name, of these networks: as it was written, or without its arguments."""
    networks = [each.name for each in artifacts if each.source is ArtifactSource.ZOO]
    names = {*networks, *(split(name)[0] for name in networks)}
    for name, path in run.choices.checkpoints:
        if name_of_target(name) in names:
            yield from ("--checkpoint", f"{name_of_target(name)}={without_folder(path)}")


def _on(place: str | None) -> tuple[str, ...]:
    """The board, or a node of its kind; no record has the address."""
    if place is None:
        return ()
    kind, separator, _ = place.rpartition(" ")
    if not separator:
        return ("--on", f"{place}=ssh://HOST")
    # "board 1" is one without a name, and "A100 1" a node.
    return ("--on", "ssh://HOST") if kind == "board" else ("--on", "ray://HEAD:10001", "--accelerator", kind)


def _option(name: str, value: Any, default: Any = None) -> tuple[str, ...]:
    """As it is written, where it is not what holds otherwise."""
    return () if value is None or value == default else (name, str(value))


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:g}%"


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:g}s"
