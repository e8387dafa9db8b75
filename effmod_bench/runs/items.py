"""From what a run names to its targets, each once, and every wrong use of them said at once."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, ONNXRUNTIMES
from effmod_bench.options.export import ExportChoices, refuse_feeds
from effmod_bench.options.runtime import check_threads
from effmod_bench.runs.plan import Command, RunPlan
from effmod_bench.targets.limits import check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file, refuse_dense
from effmod_bench.targets.target import DenseTarget, FileTarget, NetworkTarget, Target, UnbuiltTarget
from effmod_bench.targets.trained import check_checkpoints, named_for, with_weights
from exporters import RANDOM
from models import ImageSizeError, ModelSpec, check_image_size
from models.dense.spec import Mode, find_dense, is_dense
from results import BenchPlan, Device, Runtime, RuntimeOptions


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a run names.

    Attributes:
        targets: what it times, image size by image size and batch size by batch size, in the order given; of several
            runtimes, each by one after the other.
        options: how each of them is run.
        anchor: where it has one.
        left_out: why a network is not timed at one of several image sizes, by its name and the size.
    """

    targets: tuple[Target, ...]
    options: tuple[RuntimeOptions, ...]
    anchor: Target | None
    left_out: dict[str, ImageSizeError]


def find_targets(run: RunPlan) -> Found:
    """What a run times. Of several image sizes a network leaves out those that it cannot take.

    Of several targets those that cannot be built are there, too: what comes of them is a row that says why.

    Raises:
        UnknownModelError, ImageSizeError, TargetError: a target cannot be used, or options do not go with it; or
            nothing is left.
    """
    found: list[tuple[Target, RuntimeOptions]] = []
    left_out: dict[str, ImageSizeError] = {}
    for choices in run.choices_by_size():
        ways = [
            [(target, options) for target in _with_choices(run.run_by(options), choices, left_out)]
            for options in run.every_options
        ]
        found += [each for by_turns in zip_longest(*ways) for each in by_turns if each not in (None, *found)]
    if not found:
        raise next(iter(left_out.values()))
    targets = tuple(target for target, _ in found)
    _check_use(run, targets)
    options = tuple(each for _, each in found)
    return Found(targets=targets, options=options, anchor=_find_anchor(run, targets), left_out=left_out)


def _with_choices(run: RunPlan, choices: ExportChoices, left_out: dict[str, ImageSizeError]) -> list[Target]:
    """The targets in one image size and one batch size.

    Args:
        left_out: takes up what is no target in this size, where there are several.
    """
    plan, shapes = run.plan, dict(run.input_shapes)
    check_threads(plan.device, run.threads or (() if plan.threads is None else (plan.threads,)))
    named: list[Target | ModelSpec] = []
    for name in run.targets:
        if is_file(name):
            size = choices.batch_size
            found: Sequence[Target | ModelSpec] = [
                FileTarget(path=Path(name), shapes=shapes, batch_size=size, given=run.given)
            ]
        elif is_dense(name):
            if run.command is Command.COMPARE:
                refuse_dense(name)
            found = [DenseTarget(spec=spec) for spec in find_dense(name)]
        else:
            unbuilt: dict[str, Exception] = {}
            specs = find_networks(
                [name],
                image_size=choices.image_size,
                on_failure=unbuilt.__setitem__ if len(run.targets) > 1 else None,
            )
            found = [spec for spec in specs if not run.image_sizes or _takes(spec, choices, left_out)]
            found = [*found, *(_unbuilt(*each, choices, plan) for each in unbuilt.items())]
        named += [each for each in found if each not in named]
    if networks := [each for each in named if isinstance(each, ModelSpec)]:
        check_checkpoints(choices, networks)  # before any of them is read
    targets = [_network(each, choices, plan) if isinstance(each, ModelSpec) else each for each in named]
    _check(targets, choices, run)
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
    """Refuse what cannot run on the device, or by the runtime."""
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
                _ = target.config
    runtime, source = plan.options.runtime, run.given.source
    if runtime not in ONNXRUNTIMES and source is not None and source.is_dir():
        raise TargetError(f"--feeds {source}: feeds in turn are for ONNX Runtime, not for {runtime}; give one .npz")
    if runtime in NETWORK_RUNTIMES:
        _refuse_files(files, plan)
    check_image_sizes(choices, [target.spec for target in networks])


def _check_use(run: RunPlan, targets: Sequence[Target]) -> None:
    """Refuse options that are of no use to any target."""
    choices = next(run.choices_by_size())
    if all(options.runtime in NETWORK_RUNTIMES for options in run.every_options):
        _check_network_options(choices, run.plan)
    if all(map(is_file, run.targets)) and (given := choices.given(apart_from=("format", "batch_size"))):
        raise TargetError(f"{given[0]} is for networks that effmod exports, and every target is a file")
    if not any(isinstance(target, FileTarget) for target in targets):
        if run.input_shapes:
            raise TargetError("--input-shape is for .onnx files, and no target is one; --image-size is for networks")
        refuse_feeds(run.given)


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


def _refuse_files(files: Sequence[FileTarget], plan: BenchPlan) -> None:
    if files:
        runtime = plan.options.runtime
        raise TargetError(f"{runtime} runs networks, not {files[0].path}; name a network, or leave --runtime out")


def _check_network_options(choices: ExportChoices, plan: BenchPlan) -> None:
    """Refuse options of the export where PyTorch runs the network itself."""
    runtime = plan.options.runtime
    own = ["format", "image_size", "batch_size", "checkpoint", "checkpoints", "num_classes"]
    if not choices.rewrites():  # 'none' is what it does
        own.append("rewrite")
    if given := choices.given(apart_from=own):
        raise TargetError(f"{given[0]} is for exported files, and {runtime} runs the network itself")


def _find_anchor(run: RunPlan, targets: Sequence[Target]) -> Target | None:
    """The file or network that every target is paired with; of those the one that it is, which is read once."""
    if run.anchor is None:
        return None
    name, choices, plan = run.anchor.target, run.choices, run.plan
    if plan.options.runtime not in ONNXRUNTIMES:
        runtime = plan.options.runtime
        raise TargetError(f"--anchor is for ONNX Runtime, not for {runtime}; leave it out, or give --anchor none")
    if is_file(name):
        file = Path(name)
        check_file(file, choices.format)
        shapes, size = dict(run.input_shapes), choices.batch_size
        anchor: Target = FileTarget(path=file, shapes=shapes, batch_size=size, given=run.given)
        return targets[targets.index(anchor)] if anchor in targets else anchor
    found = find_networks([name], image_size=choices.image_size)
    if len(found) > 1:
        raise TargetError(f"--anchor {name} stands for {len(found)} networks; name one")
    check_image_sizes(choices, found)
    spec = found[0]
    anchor = _network(spec, choices, plan)
    if anchor in targets:
        return targets[targets.index(anchor)]
    # The one checkpoint that the user gave is another network's; latency does not depend on it.
    checkpoint = RANDOM if choices.checkpoint == RANDOM else named_for(spec, choices.checkpoints)
    alone = msgspec.structs.replace(choices, checkpoint=checkpoint, checkpoints=(), num_classes=None)
    return _network(spec, alone, plan)


def _unbuilt(name: str, error: Exception, choices: ExportChoices, plan: BenchPlan) -> UnbuiltTarget:
    as_it_is = plan.options.runtime in NETWORK_RUNTIMES
    return UnbuiltTarget(name=name, choices=choices, as_it_is=as_it_is, error=error)


def _network(spec: ModelSpec, choices: ExportChoices, plan: BenchPlan) -> NetworkTarget:
    network = with_weights(spec, choices)
    as_it_is = plan.options.runtime in NETWORK_RUNTIMES
    return NetworkTarget(spec=network.spec, choices=network.choices, as_it_is=as_it_is)
