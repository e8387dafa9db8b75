"""Which operator of an artifact is the first that departs from what it should compute? Asked once one is refused.

Operators are matched by the names of their results: a float16 program's with those of the float32 program that it is a
rounding of, a rewritten file's with the original's, and a converted network's with those of the graph that torch
exports, whose names the converters keep. An operator that has no counterpart is passed over, and may be the one at
fault; so those that stand between the last that is right and the first that departs are told with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from exporters.artifact.evaluator import Images, Step, Values
from exporters.artifact.sidecar import Departure
from exporters.quiet import quiet

OUTPUT = "<output>"
"""In place of a result's name: what a network gives in the end, which the last operator gives by a name of its own."""
REWRITES = "rewrites"
"""In place of an operator's kind: the rewritten network is at fault, and not what was made of it."""
UNKNOWN = (
    "Which operator departs first cannot be told: none that does has a counterpart by name, or there is no sidecar "
    "that says how the file was made."
)


def first_departure(found: Sequence[Step], expected: Values, tolerance: float) -> Departure | None:
    """The first operator that gives NaN or infinity where it should not, or departs by more than the tolerance.

    Args:
        found: in the order of computation.
        expected: what results should be, by name; those of another shape are no counterpart.
        tolerance: of an error, relative to the largest value of the result.
    """
    unmatched: list[str] = []
    for step in found:
        for name, result in step.results.items():
            if result.dtype.kind != "f" or not result.size:
                continue
            counterpart = expected.get(name, expected.get(OUTPUT) if step is found[-1] else None)
            if counterpart is None or counterpart.shape != result.shape:
                if not np.isfinite(result).all():
                    return Departure(kind=step.kind, name=step.name, relative_error=None)
                unmatched.append(f"{step.kind} {step.name!r}")
                continue
            if not np.isfinite(counterpart).all():  # a mask is made of infinities
                continue
            error = _relative_error(result, counterpart) if np.isfinite(result).all() else None
            if error is None:
                return Departure(kind=step.kind, name=step.name, relative_error=None)
            if error > tolerance:
                return Departure(kind=step.kind, name=step.name, relative_error=error, unmatched=tuple(unmatched))
            unmatched.clear()
    return None


def in_words(departure: Departure | None) -> str:
    """A sentence for the message of a refusal."""
    if departure is None:
        return UNKNOWN
    if departure.kind == REWRITES:
        return "Its operators are those of the rewritten network, which departs itself: give --rewrite none."
    what = f"{departure.kind} {departure.name!r}"
    if departure.relative_error is None:
        return f"The first operator that gives NaN or infinity is {what}."
    told = f"The first operator that departs is {what}, by {departure.relative_error:.1e} of its largest result"
    before = departure.unmatched
    if not before:
        return f"{told}."
    if len(before) == 1:
        return f"{told}, or {before[0]} before it, which has no counterpart."
    return f"{told}, or one of the {len(before)} before it that have no counterpart, from {before[0]} to {before[-1]}."


def by_name(steps: Iterable[Step]) -> Values:
    """The results of all operators."""
    return {name: result for step in steps for name, result in step.results.items()}


def network_results(network: nn.Module, images: Images) -> Values:
    """What is computed inside a network, by the names that torch's exporter gives to it; empty where it gives none.

    A converter takes the graph as torch exports it, or with some operators decomposed, which counts others anew: where
    one name stands for two different results, it is left out.
    """
    x = torch.from_numpy(images)
    try:
        with quiet("torch"), torch.inference_mode():
            exported = torch.export.export(network, (x,))
            whole = _Recorder(exported.module()).record(x)
            parts = _Recorder(exported.run_decompositions({}).module()).record(x)
    except Exception:  # torch raises dozens of types; the refusal is told without it
        return {}
    doubtful = {name for name in whole.keys() & parts.keys() if not _alike(whole[name], parts[name])}
    return {name: result for name, result in (parts | whole).items() if name not in doubtful}


class _Recorder(torch.fx.Interpreter):
    """Runs a graph, and keeps the tensors that its nodes give."""

    def record(self, x: Tensor) -> dict[str, npt.NDArray[Any]]:
        self._found: dict[str, npt.NDArray[Any]] = {}
        output = self.run(x)
        return self._found | {
            OUTPUT: next(iter(output)).numpy() if isinstance(output, (tuple, list)) else output.numpy()
        }

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if n.op in ("call_function", "call_module", "call_method") and isinstance(result, Tensor):
            self._found[n.name] = result.numpy()
        return result


def network_departure(network: nn.Module, images: Images) -> Departure | None:
    """The first operator of a network itself that gives NaN or infinity, in its layer; None where none does."""
    watch = _Watch()
    try:
        with torch.inference_mode(), layers_noted(network, watch.layers), watch:
            network(torch.from_numpy(images))
    except Exception:  # it ran, and may not run while it is watched; the refusal is told without it
        return None
    return watch.found


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator that is computed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[str] = []
        self.found: Departure | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.found is None and _has_no_number(result):
            kind = func.overloadpacket.__name__.removeprefix("_")
            self.found = Departure(kind=kind, name=self.layers[-1], relative_error=None)
        return result


def _has_no_number(result: Any) -> bool:
    return isinstance(result, Tensor) and result.is_floating_point() and not bool(result.isfinite().all())


@contextmanager
def layers_noted(network: nn.Module, inside: list[str]) -> Iterator[None]:
    """Keep in a list the names of the layers that are being computed, the innermost last."""

    def leave(*_: object) -> None:
        inside.pop()

    handles = []
    for name, layer in network.named_modules():
        told = name or type(network).__name__
        handles.append(layer.register_forward_pre_hook(lambda *_, name=told: inside.append(name)))
        handles.append(layer.register_forward_hook(leave))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@np.errstate(invalid="ignore", over="ignore")  # a float64 file may hold more than float32 does
def _relative_error(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    largest, error = float(np.abs(expected).max()), float(np.abs(found - expected).max())
    return error / largest if largest else 0.0 if error == 0 else np.inf


def _alike(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-5 * float(np.abs(b).max(initial=0)), equal_nan=True)
