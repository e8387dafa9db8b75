"""The files that `effmod tune` makes of a network or of a user's file, and what is to run each."""

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES
from effmod_bench.instrument.subject import Subject
from effmod_bench.isolation.apart import apart
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import derived_subject
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.tuning import making
from exporters import OLDEST_OPSET, Format
from exporters.onnx import rewrites as onnx_rewrites
from exporters.rewrites import AUTO
from exporters.stage import Stage
from results import RUNTIME_NAMES, Runtime, RuntimeOptions

# What making a network run and timing that take at least: below, the budget is better spent on files.
_LEAST_S = {Runtime.TORCH_COMPILE: 180.0, Runtime.PYTORCH: 60.0}


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A way to make a file of the same network, and what runs it.

    Attributes:
        make: it; raises what exporting raises.
        runtime: that is to run it; None for the baseline's.
        equal: as a candidate's.
        essential: it is made whatever the budget: one of those that nobody may be slower than.
        least_s: of the budget, that must be left for it to be made.
    """

    name: str
    make: Callable[[], Subject]
    runtime: Runtime | None = None
    equal: bool = True
    essential: bool = False
    least_s: float = 0.0

    def options(self, baseline: RuntimeOptions) -> RuntimeOptions:
        """How it is run, beside a baseline that is run so."""
        return msgspec.structs.replace(baseline, runtime=self.runtime or baseline.runtime)


_PLAIN, _REWRITTEN = "plain", "rewritten"
_VARIANTS: dict[str, dict[str, Any]] = {
    _PLAIN: {"rewrite": "none"},
    _REWRITTEN: {"rewrite": "auto"},
    f"plain, opset {OLDEST_OPSET}": {"rewrite": "none", "opset": OLDEST_OPSET},
    "rewritten, without blocked_layout": {
        "rewrite": ",".join(name for name in AUTO[Format.ONNX] if name != "blocked_layout")
    },
    "plain, with blocked_layout": {"rewrite": "blocked_layout"},
    "plain, not simplified": {"rewrite": "none", "simplify": False},
    "rewritten, not simplified": {"rewrite": "auto", "simplify": False},
}
"""What is asked of the export, by the form's name: those first that are the likeliest to win on some runtime."""


def network_forms(
    console: Console, target: NetworkTarget, runtimes: Sequence[Runtime] = (Runtime.ONNXRUNTIME,)
) -> list[Form]:
    """The forms of a network on each runtime, by turns; the first is the plain one on the first of them.

    Args:
        target: with image and batch size, and checkpoint; the rest of its choices is what is varied.
        runtimes: of which the first runs files. Those that run the network itself come last: there is one form of it.
    """

    @functools.cache  # one file for all runtimes
    def made(name: str) -> Subject:
        choices = msgspec.structs.replace(target.choices, **_VARIANTS[name])
        return msgspec.structs.replace(target, choices=choices).subject(console)

    of_files = [each for each in runtimes if each not in NETWORK_RUNTIMES]
    forms = [
        Form(
            name=_on(runtime, name, of_files[0]),
            make=functools.partial(made, name),
            runtime=runtime,
            essential=name in (_PLAIN, _REWRITTEN),
        )
        for name in _VARIANTS
        for runtime in of_files
    ]
    as_it_is = msgspec.structs.replace(target, as_it_is=True)
    of_networks = [each for each in runtimes if each in NETWORK_RUNTIMES]
    return forms + [
        Form(
            name=f"the network, {RUNTIME_NAMES[runtime]}",
            make=functools.partial(as_it_is.subject, console),
            runtime=runtime,
            least_s=_LEAST_S[runtime],
        )
        for runtime in of_networks
    ]


def file_forms(
    console: Console, given: Subject, folder: Path, runtimes: Sequence[Runtime] = (Runtime.ONNXRUNTIME,)
) -> list[Form]:
    """The forms of a user's own file, which comes first; each of the others has one more rewrite.

    Args:
        folder: where they are written.
        runtimes: as of `network_forms`.
    """
    names = onnx_rewrites.NAMES

    @functools.cache  # one file for all runtimes
    def rewritten(count: int) -> Subject:
        return _rewrite(console, given, folder, names[:count])

    def forms_on(runtime: Runtime) -> Iterator[Form]:
        yield Form(name=_on(runtime, "original", runtimes[0]), make=lambda: given, runtime=runtime, essential=True)
        for count in range(1, len(names) + 1):
            yield Form(
                name=_on(runtime, "+".join(names[:count]), runtimes[0]),
                make=functools.partial(rewritten, count),
                runtime=runtime,
                essential=count == len(names),
            )

    by_turns = zip_longest(*map(forms_on, runtimes))
    return [form for of_all in by_turns for form in of_all if form is not None]


def _on(runtime: Runtime, name: str, first: Runtime) -> str:
    """A form's name, with its runtime where that is not the baseline's."""
    return name if runtime is first else f"{name}, {RUNTIME_NAMES[runtime]}"


def _rewrite(console: Console, given: Subject, folder: Path, names: tuple[str, ...]) -> Subject:
    console.note(f"rewriting {given.path.name} ({', '.join(names)}) and checking it ...")
    work = functools.partial(making.rewrite, given, folder, names)
    return derived_subject(apart(work, what=given.path.name, stage=Stage.LOADING), given)
