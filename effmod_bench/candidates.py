"""What `effmod tune` tries: files that compute the same, and ways to tell the runtime to run them."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.instrument.subject import Subject
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.obtain import obtain_artifact
from effmod_bench.targets.subjects import derived_subject, zoo_subject
from exporters import OLDEST_OPSET, Format
from exporters.onnx import rewrites as onnx_rewrites
from exporters.rewrites import AUTO
from models import ModelSpec
from results import Device, GraphOptimization, RuntimeOptions


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


def network_forms(console: Console, spec: ModelSpec, choices: ExportChoices) -> list[Form]:
    """The forms of a network of the zoo, from the simplest; the first is the plain one.

    Args:
        choices: image and batch size, and checkpoint; the rest is what is varied.
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
    return [
        Form(name=name, make=functools.partial(_export, console, spec, msgspec.structs.replace(choices, **changes)))
        for name, changes in variants.items()
    ]


def _export(console: Console, spec: ModelSpec, choices: ExportChoices) -> Subject:
    return zoo_subject(obtain_artifact(console, spec, choices), batch_size=choices.batch_size)


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
    from exporters.derived.rewritten import rewrite_file

    console.note(f"rewriting {given.path.name} ({', '.join(names)}) and checking it ...")
    path, _ = rewrite_file(given.path, folder, names, {tensor.name: tensor.shape for tensor in given.artifact.inputs})
    return derived_subject(path, given)


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
