"""From what a run names to its targets, each once, and every wrong use of them said at once."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, ONNXRUNTIMES
from effmod_bench.options.export import ExportChoices, refuse_feeds
from effmod_bench.options.runtime import check_threads
from effmod_bench.runs.plan import Command, RunPlan
from effmod_bench.targets.limits import check_checkpoint, check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file, refuse_dense
from effmod_bench.targets.target import DenseTarget, FileTarget, NetworkTarget, Target
from exporters import RANDOM
from models import ImageSizeError, ModelSpec, check_image_size
from models.dense.spec import Mode, find_dense, is_dense
from results import BenchPlan, Device, Runtime


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a run names.

    Attributes:
        targets: what it times, image size by image size and batch size by batch size, in the order given.
        anchor: where it has one.
        left_out: why a network is not timed at one of several image sizes, by its name and the size.
    """

    targets: tuple[Target, ...]
    anchor: Target | None
    left_out: dict[str, ImageSizeError]


def find_targets(run: RunPlan) -> Found:
    """What a run times. Of several image sizes a network leaves out those that it cannot take.

    Raises:
        UnknownModelError, ImageSizeError, TargetError: a target cannot be used, or options do not go with it; or
            nothing is left.
    """
    anchor = _find_anchor(run)
    targets: list[Target] = []
    left_out: dict[str, ImageSizeError] = {}
    for choices in run.choices_by_size():
        of_size = _with_choices(run, choices, left_out)
        targets += [target for target in of_size if target not in targets]
    if not targets:
        raise next(iter(left_out.values()))
    if anchor in targets:
        anchor = targets[targets.index(anchor)]  # read and hashed once
    elif isinstance(anchor, NetworkTarget) and anchor.choices.checkpoint != RANDOM:
        # The weights that the user gave are another network's; latency does not depend on them.
        choices = msgspec.structs.replace(anchor.choices, checkpoint=None)
        anchor = msgspec.structs.replace(anchor, choices=choices)
    return Found(targets=tuple(targets), anchor=anchor, left_out=left_out)


def _with_choices(run: RunPlan, choices: ExportChoices, left_out: dict[str, ImageSizeError]) -> list[Target]:
    """The targets in one image size and one batch size.

    Args:
        left_out: takes up what is no target in this size, where there are several.
    """
    plan, shapes = run.plan, dict(run.input_shapes)
    check_threads(plan.device, run.threads or (() if plan.threads is None else (plan.threads,)))
    targets: list[Target] = []
    for name in run.targets:
        if is_file(name):
            size = choices.batch_size
            found: list[Target] = [FileTarget(path=Path(name), shapes=shapes, batch_size=size, given=run.given)]
        elif is_dense(name):
            if run.command is Command.COMPARE:
                refuse_dense(name)
            found = [DenseTarget(spec=spec) for spec in find_dense(name)]
        else:
            specs = find_networks([name], image_size=choices.image_size)
            if run.image_sizes:
                specs = [spec for spec in specs if _takes(spec, choices, left_out)]
            found = [_network(spec, choices, plan) for spec in specs]
        targets += [target for target in found if target not in targets]
    _check(targets, choices, run)
    if targets and not any(isinstance(target, FileTarget) for target in targets):
        if shapes:
            raise TargetError("--input-shape is for .onnx files, and no target is one; --image-size is for networks")
        refuse_feeds(run.given)
    return targets


def _takes(spec: ModelSpec, choices: ExportChoices, left_out: dict[str, ImageSizeError]) -> bool:
    """Whether a network can take an image size."""
    assert choices.image_size is not None  # of several
    try:
        check_image_size(spec, choices.image_size)
    except ImageSizeError as error:
        left_out[f"{spec.name} at {choices.image_size} px"] = error
        return False
    return True


def _check(targets: Sequence[Target], choices: ExportChoices, run: RunPlan) -> None:
    """Refuse what cannot run on the device, or by the runtime, and options that are of no use to any target."""
    files = [target for target in targets if isinstance(target, FileTarget)]
    networks = [target for target in targets if isinstance(target, NetworkTarget)]
    plan = run.plan
    for target in targets:
        match target:
            case FileTarget():
                check_file(target.path, choices.format)
            case DenseTarget():
                _check_dense(target, choices, plan)
            case NetworkTarget():
                choices.config(target.spec)
    runtime, source = plan.options.runtime, run.given.source
    if runtime not in ONNXRUNTIMES and source is not None and source.is_dir():
        raise TargetError(f"--feeds {source}: feeds in turn are for ONNX Runtime, not for {runtime}; give one .npz")
    if runtime in NETWORK_RUNTIMES:
        _check_network_options(files, choices, plan)
    specs = [target.spec for target in networks]
    check_image_sizes(choices, specs)
    if specs:
        check_checkpoint(choices.checkpoint, specs)
    elif all(map(is_file, run.targets)) and (given := choices.given(apart_from=("format", "batch_size"))):
        raise TargetError(f"{given[0]} is for networks that effmod exports, and every target is a file")


def _check_dense(target: DenseTarget, choices: ExportChoices, plan: BenchPlan) -> None:
    """Refuse a device, a runtime and options that a detector or segmenter does not go with."""
    runtime = plan.options.runtime
    if runtime not in NETWORK_RUNTIMES:
        where = f" on {plan.device}" if plan.device is Device.CUDA else ""
        raise TargetError(
            f"{target.name} is run by PyTorch as it is, not by {runtime}{where}: give --runtime pytorch"
            + (", and --device cpu or cuda" if plan.device is Device.COREML else "")
        )
    if runtime is Runtime.TORCH_COMPILE and target.spec.mode is Mode.FULL:
        usual = msgspec.structs.replace(target.spec, mode=Mode.DUMMY).name
        raise TargetError(
            f"{target.name} selects boxes on the way, which torch.compile cannot take as a whole: give --runtime "
            f"pytorch, or {usual}"
        )
    own = ["format", "rewrite", *(["checkpoint"] if choices.checkpoint == RANDOM else [])]
    if given := choices.given(apart_from=own):
        size = "; its name says the size" if given[0] == "--image-size" else ""
        raise TargetError(f"{given[0]} is for networks, and {target.name} takes one image and has random weights{size}")


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
