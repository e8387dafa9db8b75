"""Turn a matrix product between permutations into a 1x1 convolution.

With P the permutation (N, C, H, W) -> (N, H, W, C), and K the matrix W (C, D) as a kernel (D, C, 1, 1):

Given:   P x W + b         Result:  P conv(x, K, b)
Given:   P'(x W + b)       Result:  conv(P' x, K, b)      where P' is P's inverse

A product between two permutations loses both: P' P conv = conv. So do two with an activation between them, which
acts on each value by itself: act(P x) = P act(x), and P' act(x) = act(P' x).
"""

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase, RewriteRuleSet
from onnxscript.rewriter.rules.common import no_op_transpose_rule, transpose_transpose_rule

from exporters.onnx.rewrites.outermost import apply_rules
from exporters.rewrites import Equivalence, RewriteReport

NAME = "matmul_to_conv"

_TO_LAST, _TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_ACTIVATIONS = ("Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Tanh")


class _Step(RewriteRuleClassBase):
    """A permutation moves past an operator whose weight and bias are constants."""

    def check(self, op: Any, *_: Any, **bound: Any) -> MatchResult:  # noqa: ARG002 - onnxscript gives it
        result = MatchResult()
        for name, rank in (("weight", 2), ("bias", 1)):
            if name in bound and not _is_constant(bound[name], rank):
                return result.fail(f"the {name} is no constant of rank {rank}")
        if "bias" in bound and bound["bias"].const_value.shape[0] != _channels(**bound):
            return result.fail("the bias has not one value for each channel")  # Add broadcasts it, and Conv does not
        return result


class _PermutedBefore(_Step):
    """P x W -> P conv(x, K)."""

    def pattern(self, op: Any, x: Any, weight: Any) -> Any:
        return op.MatMul(op.Transpose(x, perm=_TO_LAST), weight)

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value) -> Any:
        return op.Transpose(op.Conv(x, _kernel(op, weight)), perm=_TO_LAST)


class _PermutedBehind(_Step):
    """P'(x W) -> conv(P' x, K)."""

    def pattern(self, op: Any, x: Any, weight: Any) -> Any:
        return op.Transpose(op.MatMul(x, weight), perm=_TO_FIRST)

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value) -> Any:
        return op.Conv(op.Transpose(x, perm=_TO_FIRST), _kernel(op, weight))


class _BiasPermutedBehind(_Step):
    """P'(x W + b) -> conv(P' x, K, b)."""

    def pattern(self, op: Any, x: Any, weight: Any, bias: Any) -> Any:
        return op.Transpose(op.Add(op.MatMul(x, weight), bias), perm=_TO_FIRST)

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value, bias: ir.Value) -> Any:
        return op.Conv(op.Transpose(x, perm=_TO_FIRST), _kernel(op, weight), bias)


class _BiasBehindConv(_Step):
    """P conv(x, K) + b -> P conv(x, K, b)."""

    def pattern(self, op: Any, x: Any, kernel: Any, bias: Any) -> Any:
        return op.Add(op.Transpose(op.Conv(x, kernel, _outputs=["conv"]), perm=_TO_LAST), bias)

    def rewrite(self, op: Any, x: ir.Value, kernel: ir.Value, bias: ir.Value, conv: ir.Value) -> Any:
        return op.Transpose(op.Conv(x, kernel, bias, **_attributes(conv)), perm=_TO_LAST)


class _ActivationBehindConv(RewriteRuleClassBase):
    """act(P conv) -> P act(conv)."""

    def __init__(self, kind: str) -> None:
        super().__init__(name=f"{kind}BehindConv")
        self._kind = kind

    def pattern(self, op: Any, conv: Any) -> Any:
        return getattr(op, self._kind)(op.Transpose(conv, perm=_TO_LAST), _outputs=["activated"])

    def check(self, op: Any, *_: Any, **bound: Any) -> MatchResult:  # noqa: ARG002 - onnxscript gives it
        before = bound["conv"].producer()
        result = MatchResult()
        return result if before and before.op_type == "Conv" else result.fail("no convolution before it")

    def rewrite(self, op: Any, conv: ir.Value, activated: ir.Value) -> Any:
        return op.Transpose(op.op(self._kind, conv, **_attributes(activated)), perm=_TO_LAST)


class _ActivationBehindProduct(RewriteRuleClassBase):
    """P' act(x W + b) -> act(P' (x W + b))."""

    def __init__(self, kind: str) -> None:
        super().__init__(name=f"{kind}BehindProduct")
        self._kind = kind

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Transpose(getattr(op, self._kind)(x, _outputs=["activated"]), perm=_TO_FIRST)

    def check(self, op: Any, *_: Any, **bound: Any) -> MatchResult:  # noqa: ARG002 - onnxscript gives it
        before = bound["x"].producer()
        inputs = before.inputs if before and before.op_type == "Add" else ()
        nodes = (before, *(value.producer() for value in inputs if value))
        result = MatchResult()
        return result if any(node and node.op_type == "MatMul" for node in nodes) else result.fail("no product")

    def rewrite(self, op: Any, x: ir.Value, activated: ir.Value) -> Any:
        return op.op(self._kind, op.Transpose(x, perm=_TO_FIRST), **_attributes(activated))


_RULES = RewriteRuleSet(
    [
        *(
            rule.rule()  # type: ignore[no-untyped-call]
            for rule in (_PermutedBefore, _BiasPermutedBehind, _PermutedBehind, _BiasBehindConv)
        ),
        *(
            rule.rule(kind)  # type: ignore[no-untyped-call]
            for rule in (_ActivationBehindConv, _ActivationBehindProduct)
            for kind in _ACTIVATIONS
        ),
        transpose_transpose_rule,
        no_op_transpose_rule,
    ],
    commute=True,  # a bias may stand on either side of its Add
)


def rewrite(model: ir.Model, _: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    before = len(_products(model))
    while apply_rules(_RULES, model):  # each moves a permutation on, until it meets its inverse or nothing
        pass
    left = _products(model)
    skipped = tuple(
        f"{node.name}: no permutation to or from channels-first beside it, or one that is used elsewhere too"
        for node in left
    )
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=before - len(left), skipped=skipped)


def _products(model: ir.Model) -> list[ir.Node]:
    """The products of a map (N, H, W, C), or of what may be one, with a constant matrix."""
    found = []
    for node in model.graph:
        if node.op_type == "MatMul":
            x, weight = node.inputs
            assert x is not None
            assert weight is not None
            if _is_constant(weight, 2) and (x.shape is None or len(x.shape) == 4):
                found.append(node)
    return found


def _channels(*, weight: ir.Value | None = None, kernel: ir.Value | None = None, **_: Any) -> int | None:
    """How many channels a product with a matrix gives, or a convolution; None where that is not known."""
    source, axis = (weight, 1) if weight is not None else (kernel, 0)
    if source is None or source.shape is None:
        return None
    size = source.shape[axis]
    return size if isinstance(size, int) else None


def _is_constant(value: ir.Value, rank: int) -> bool:
    return value.const_value is not None and not value.is_graph_input() and len(value.const_value.shape) == rank


def _attributes(value: ir.Value) -> Mapping[str, ir.Attr]:
    node = value.producer()
    assert node is not None
    return node.attributes


def _kernel(op: Any, weight: ir.Value) -> Any:
    assert weight.const_value is not None
    return op.initializer(ir.tensor(weight.const_value.numpy().T[:, :, None, None].copy()), name=f"{weight.name}_1x1")
