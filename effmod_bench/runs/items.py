"""From what a run names to its targets, each once, and every wrong use of them said at once."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, ONNXRUNTIMES
from effmod_bench.options.export import ExportChoices, refuse_feeds
from effmod_bench.runs.plan import RunPlan
from effmod_bench.targets.limits import check_checkpoint, check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file
from effmod_bench.targets.target import FileTarget, NetworkTarget, Target
from exporters import RANDOM
from exporters.feeds.given import Given
from models import ModelSpec
from results import BenchPlan, Device


def find_targets(run: RunPlan) -> tuple[list[Target], Target | None]:
    """What a run times, batch size by batch size, in the order given; and the anchor, where it has one.

    Raises:
        UnknownModelError, ImageSizeError, TargetError: a target cannot be used, or options do not go with it.
    """
    anchor = _find_anchor(run)
    sizes = run.batch_sizes or (run.choices.batch_size,)
    found = [target for size in sizes for target in _of_batch_size(run, size)]
    if anchor in found:
        anchor = found[found.index(anchor)]  # read and hashed once
    elif isinstance(anchor, NetworkTarget) and anchor.choices.checkpoint != RANDOM:
        # The weights that the user gave are another network's; latency does not depend on them.
        choices = msgspec.structs.replace(anchor.choices, checkpoint=None)
        anchor = msgspec.structs.replace(anchor, choices=choices)
    return found, anchor


def _of_batch_size(run: RunPlan, batch_size: int) -> list[Target]:
    plan, shapes = run.plan, dict(run.input_shapes)
    choices = msgspec.structs.replace(run.choices, batch_size=batch_size)
    if plan.device is Device.COREML and plan.threads is not None:
        raise TargetError("--threads is for the CPU; Core ML chooses its threads itself")
    targets: list[Target] = []
    for name in run.targets:
        if is_file(name):
            found: list[Target] = [FileTarget(path=Path(name), shapes=shapes, batch_size=batch_size, given=run.given)]
        else:
            found = [_network(spec, choices, plan) for spec in find_networks([name], image_size=choices.image_size)]
        targets += [target for target in found if target not in targets]
    _check(targets, choices, plan, run.given)
    if all(isinstance(target, NetworkTarget) for target in targets):
        if shapes:
            raise TargetError("--input-shape is for .onnx files, and no target is one; --image-size is for networks")
        refuse_feeds(run.given)
    return targets


def _check(targets: Sequence[Target], choices: ExportChoices, plan: BenchPlan, feeds: Given) -> None:
    """Refuse what cannot run on the device, or by the runtime, and options that are of no use to any target."""
    files = [target for target in targets if isinstance(target, FileTarget)]
    networks = [target for target in targets if isinstance(target, NetworkTarget)]
    for target in targets:
        if isinstance(target, FileTarget):
            check_file(target.path, choices.format)
        else:
            choices.config(target.spec)
    runtime, source = plan.options.runtime, feeds.source
    if runtime not in ONNXRUNTIMES and source is not None and source.is_dir():
        raise TargetError(f"--feeds {source}: feeds in turn are for ONNX Runtime, not for {runtime}; give one .npz")
    if runtime in NETWORK_RUNTIMES:
        _check_network_options(files, choices, plan)
    specs = [target.spec for target in networks]
    check_image_sizes(choices, specs)
    if specs:
        check_checkpoint(choices.checkpoint, specs)
    elif given := choices.given(apart_from=("format", "batch_size")):
        raise TargetError(f"{given[0]} is for networks that effmod exports, and every target is a file")


def _check_network_options(files: Sequence[FileTarget], choices: ExportChoices, plan: BenchPlan) -> None:
    """Refuse files and options of the export where PyTorch runs the network itself."""
    runtime = plan.options.runtime
    if files:
        raise TargetError(f"{runtime} runs networks, not {files[0].path}; name a network, or leave --runtime out")
    own = ["format", "image_size", "batch_size", "checkpoint"]
    if not choices.rewrites():  # 'none' is what it does
        own.append("rewrite")
    if given := choices.given(apart_from=own):
        raise TargetError(f"{given[0]} is for exported files, and {runtime} runs the network itself")


def _find_anchor(run: RunPlan) -> Target | None:
    """The file or network that every target is paired with."""
    if run.anchor is None:
        return None
    name, choices, plan = run.anchor.target, run.choices, run.plan
    if plan.options.runtime not in ONNXRUNTIMES:
        runtime = plan.options.runtime
        raise TargetError(f"--anchor is for ONNX Runtime, not for {runtime}; leave it out, or give --anchor none")
    if is_file(name):
        file = Path(name)
        check_file(file, choices.format)
        return FileTarget(path=file, shapes=dict(run.input_shapes), batch_size=choices.batch_size, given=run.given)
    found = find_networks([name], image_size=choices.image_size)
    if len(found) > 1:
        raise TargetError(f"--anchor {name} stands for {len(found)} networks; name one")
    check_image_sizes(choices, found)
    return _network(found[0], choices, plan)


def _network(spec: ModelSpec, choices: ExportChoices, plan: BenchPlan) -> NetworkTarget:
    return NetworkTarget(spec=spec, choices=choices, as_it_is=plan.options.runtime in NETWORK_RUNTIMES)
