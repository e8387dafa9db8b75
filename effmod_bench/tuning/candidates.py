"""What `effmod tune` tries: files that compute the same, and ways to tell the runtime to run them."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.isolation.apart import apart
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import derived_subject
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.tuning import making
from exporters import OLDEST_OPSET, Format
from exporters.config import Int8
from exporters.onnx import rewrites as onnx_rewrites
from exporters.rewrites import AUTO
from exporters.stage import Stage
from results import ComparisonPlan, Device, GraphOptimization, RuntimeOptions

# What outputs may differ by, relative to the largest, where a candidate is said to be equal.
EQUAL_WITHIN = 1e-5


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and how the runtime is told to run it.

    Attributes:
        name: what tells it from the baseline.
        equal: meant to compute what the baseline computes; others are tried only where the user allows it.
        relative_error: of the file against the baseline's, over several inputs; 0 for the baseline's own.
        top1: over the user's images, in percent; None without any.
    """

    name: str
    subject: Subject
    options: RuntimeOptions
    equal: bool = True
    relative_error: float = 0.0
    top1: float | None = None


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A way to make a file of the same network.

    Attributes:
        make: it; raises what exporting raises.
        equal: as a candidate's.
    """

    name: str
    make: Callable[[], Subject]
    equal: bool = True


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A way to run a file: options that are not the runtime's own default.

    Attributes:
        equal: as a candidate's.
    """

    name: str
    apply: Callable[[RuntimeOptions], RuntimeOptions]
    equal: bool = True


def network_forms(console: Console, target: NetworkTarget) -> list[Form]:
    """The forms of a network, from the simplest; the first is the plain one.

    Args:
        target: with image and batch size, and checkpoint; the rest of its choices is what is varied.
    """
    in_rows = ",".join(name for name in AUTO[Format.ONNX] if name != "blocked_layout")
    variants: dict[str, dict[str, Any]] = {
        "plain": {"rewrite": "none"},
        "plain, not simplified": {"rewrite": "none", "simplify": False},
        f"plain, opset {OLDEST_OPSET}": {"rewrite": "none", "opset": OLDEST_OPSET},
        "rewritten": {"rewrite": "auto"},
        "rewritten, not simplified": {"rewrite": "auto", "simplify": False},
        "rewritten, without blocked_layout": {"rewrite": in_rows},
    }
    choices = {name: msgspec.structs.replace(target.choices, **changes) for name, changes in variants.items()}
    return [
        Form(name=name, make=functools.partial(msgspec.structs.replace(target, choices=chosen).subject, console))
        for name, chosen in choices.items()
    ]


def file_forms(console: Console, given: Subject, folder: Path) -> list[Form]:
    """The forms of a user's own file, which comes first; each of the others has one more rewrite.

    Args:
        folder: where they are written.
    """
    names = onnx_rewrites.NAMES
    prefixes = [names[:count] for count in range(1, len(names) + 1)]
    return [
        Form(name="original", make=lambda: given),
        *(Form(name="+".join(p), make=functools.partial(_rewrite, console, given, folder, p)) for p in prefixes),
    ]


def _rewrite(console: Console, given: Subject, folder: Path, names: tuple[str, ...]) -> Subject:
    console.note(f"rewriting {given.path.name} ({', '.join(names)}) and checking it ...")
    work = functools.partial(making.rewrite, given, folder, names)
    return derived_subject(apart(work, what=given.path.name, stage=Stage.LOADING), given)


def machine_form(source: Candidate, baseline: Subject, folder: Path) -> Form:
    """The graph that the runtime makes of a file for this machine.

    Args:
        baseline: the two are compared on what this is fed.
        folder: where it is written.
    """
    return Form(
        name=f"{source.name}, machine-specific", make=functools.partial(_optimize, source.subject, baseline, folder)
    )


def _optimize(source: Subject, baseline: Subject, folder: Path) -> Subject:
    new = folder / f"{source.path.stem}-machine.onnx"
    work = functools.partial(making.optimize, source, new, baseline)
    apart(work, what=source.path.name, stage=Stage.LOADING)
    return derived_subject(new, source)


def int8_forms(console: Console, source: Candidate, baseline: Subject, folder: Path) -> list[Form]:
    """A file with its products in int8, which are not equal.

    Args:
        baseline: the ranges of the values are found with what this is fed.
        folder: where they are written.
    """
    return [
        Form(
            name=f"{source.name}, {kind}",
            make=functools.partial(_quantize, console, source.subject, kind, baseline, folder),
            equal=False,
        )
        for kind in Int8
    ]


def _quantize(console: Console, source: Subject, kind: Int8, baseline: Subject, folder: Path) -> Subject:
    console.note(f"quantizing {source.path.name} ({kind}) ...")
    new = folder / f"{source.path.stem}-{kind}.onnx"
    work = functools.partial(making.quantize, source, new, kind, baseline)
    apart(work, what=source.path.name)
    return derived_subject(new, source)


def with_settings(source: Candidate, plan: ComparisonPlan, *, tf32: bool) -> list[Candidate]:
    """The same file, run in every other way that there is on the plan's device.

    Args:
        tf32: as for `settings`.
    """
    return [
        msgspec.structs.replace(
            source,
            name=f"{source.name}, {setting.name}",
            options=setting.apply(source.options),
            equal=source.equal and setting.equal,
        )
        for setting in settings(plan.device, threads_to_use(plan) or 1, tf32=tf32)
    ]


def settings(device: Device, threads: int, *, tf32: bool) -> Iterator[Setting]:
    """How else a runtime may be told to run a file.

    Args:
        tf32: allow products of rounded factors on a GPU, which changes what is computed.
    """
    if device is Device.CPU:
        for level in (GraphOptimization.EXTENDED, GraphOptimization.BASIC):
            yield Setting(name=f"{level} graph optimization", apply=_with(graph_optimization=level))
        if threads > 1:
            yield Setting(name="threads that do not spin", apply=_with(allow_spinning=False))
        return
    yield Setting(name="channels last", apply=_with(prefer_nhwc=True))
    yield Setting(name="CUDA graph", apply=_with(cuda_graph=True))
    yield Setting(name="channels last, CUDA graph", apply=_with(prefer_nhwc=True, cuda_graph=True))
    if tf32:
        yield Setting(name="TF32", apply=_with(use_tf32=True), equal=False)


def _with(**changes: object) -> Callable[[RuntimeOptions], RuntimeOptions]:
    return lambda options: msgspec.structs.replace(options, **changes)
