"""What `effmod tune` tries: files that compute the same, and ways to tell the runtime to run them."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.isolation.apart import apart
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import derived_subject
from effmod_bench.tuning import making
from effmod_bench.tuning.forms import Form
from exporters.config import Int8
from exporters.stage import Stage
from results import ComparisonPlan, Device, GraphOptimization, RuntimeOptions

# What outputs may differ by, relative to the largest, where a candidate is said to be equal.
EQUAL_WITHIN = 1e-5


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and how the runtime is told to run it.

    Attributes:
        name: what tells it from the baseline.
        options: with the runtime that runs it.
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


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A way to run a file: options that are not the runtime's own default.

    Attributes:
        equal: as a candidate's.
    """

    name: str
    apply: Callable[[RuntimeOptions], RuntimeOptions]
    equal: bool = True


def machine_form(source: Candidate, baseline: Subject, folder: Path) -> Form:
    """The graph that the runtime makes of a file for this machine.

    Args:
        baseline: the two are compared on what this is fed.
        folder: where it is written.
    """
    return Form(
        name=f"{source.name}, machine-specific",
        make=functools.partial(_optimize, source.subject, baseline, folder),
        runtime=source.options.runtime,
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
            runtime=source.options.runtime,
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
    """The same file, run in every other way that there is on the plan's device; none on a runtime without settings.

    Args:
        tf32: as for `settings`.
    """
    if source.options.runtime not in ONNXRUNTIMES:
        return []
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
