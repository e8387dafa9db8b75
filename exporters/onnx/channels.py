"""Convolutions that ONNX Runtime cannot run in its blocked layout on a CPU, for the number of their channels.

On x86 its fast convolutions hold maps in blocks of 8 or 16 channels. It fills up the last block, but only of a number
of channels that is a multiple of 4; a convolution of any other number runs as it is, and slower, a depthwise one by
several times. What it asks for are the channels of a depthwise convolution, and those that any other one reads, unless
these are so few that it takes them unblocked (`onnxruntime/core/optimizer/nchwc_transformer.cc`, 1.31).
"""

from collections.abc import Mapping

import onnx

_CONVOLUTIONS = ("Conv", "FusedConv")  # the second is what the runtime makes of one it has left out, and its activation
_ALIGNMENT = 4
_LARGEST_BLOCK = 16


def unaligned_channels(graph: onnx.ModelProto) -> tuple[int, ...]:
    """The numbers of channels for which convolutions are left out, each once, in ascending order.

    A convolution whose weights are no constant of the graph is passed over.
    """
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    blocked = (blocked_channels(node, shapes) for node in graph.graph.node)
    return tuple(sorted({channels for channels in blocked if channels is not None and channels % _ALIGNMENT}))


def is_unaligned(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether an operator is a convolution that is left out for the number of its channels.

    Args:
        shapes: of its weights, by name.
    """
    channels = blocked_channels(node, shapes)
    return channels is not None and channels % _ALIGNMENT != 0


def blocked_channels(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """The number of channels that decides for a convolution; None for one of which more is asked, and other operators.

    Args:
        shapes: of its weights, by name.
    """
    shape = shapes.get(node.input[1], ()) if node.op_type in _CONVOLUTIONS and len(node.input) > 1 else ()
    if len(shape) != 4:
        return None
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    if groups == shape[0] and shape[1] == 1:
        return groups
    if groups == 1 and shape[1] >= _LARGEST_BLOCK:
        return shape[1]
    return None  # so few, or groups of several, of which it asks more
