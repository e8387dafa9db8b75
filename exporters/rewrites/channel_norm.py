"""LayerNorm over the channels of a channels-first map, as one operator.

`effmod::channel_layer_norm` is a composite: PyTorch and ONNX see a LayerNorm over the last axis between two permutes
(ONNX has no other), for `torch.export` it is one operator, and Core ML gets `layer_norm(axes=[1])`, without a
transpose, from the converter that `register_with_coremltools` adds.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Parts of torch.library have no types. Torch forgets the operator with this object.
_library = torch.library.Library("effmod", "DEF")  # type: ignore[no-untyped-call]
_library.define(  # type: ignore[no-untyped-call]
    "channel_layer_norm(Tensor x, Tensor? weight, Tensor? bias, float eps) -> Tensor"
)


def _channel_layer_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    return F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), weight, bias, eps).permute(0, 3, 1, 2)


_library.impl(  # type: ignore[no-untyped-call]
    "channel_layer_norm", _channel_layer_norm, "CompositeImplicitAutograd"
)

channel_layer_norm = torch.ops.effmod.channel_layer_norm.default
"""LayerNorm of each pixel of a map (N, C, H, W) over its C channels."""


@cache
def register_with_coremltools() -> None:
    """Teach coremltools the operator; call it before converting a program that holds one. A second call is nothing."""
    from coremltools.converters.mil import Builder as mb  # noqa: N813  # coremltools' own word for it
    from coremltools.converters.mil.frontend.torch.ops import _get_inputs
    from coremltools.converters.mil.frontend.torch.torch_op_registry import register_torch_op

    @register_torch_op(torch_alias=["effmod.channel_layer_norm", "effmod::channel_layer_norm"])  # type: ignore[untyped-decorator]
    def channel_layer_norm(context: Any, node: Any) -> None:
        x, weight, bias, eps = _get_inputs(context, node)
        context.add(mb.layer_norm(x=x, axes=[1], gamma=weight, beta=bias, epsilon=eps, name=node.name))
