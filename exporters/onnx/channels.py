"""Convolutions that ONNX Runtime cannot run in its blocked layout on a CPU, for the number of their channels.

On x86 its fast convolutions hold maps in blocks of 8 or 16 channels. It fills up the last block, but only of a number
of channels that is a multiple of 4; a convolution of any other number runs as it is, and slower, a depthwise one by
several times. What it asks for are the channels of a depthwise convolution, and those that any other one reads, unless
these are so few that it takes them unblocked (`onnxruntime/core/optimizer/nchwc_transformer.cc`, 1.31).
"""

import onnx

_ALIGNMENT = 4
_LARGEST_BLOCK = 16


def unaligned_channels(graph: onnx.ModelProto) -> tuple[int, ...]:
    """The numbers of channels for which convolutions are left out, each once, in ascending order.

    A convolution whose weights are no constant of the graph is passed over.
    """
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    found = set()
    for node in graph.graph.node:
        shape = shapes.get(node.input[1], ()) if node.op_type == "Conv" and len(node.input) > 1 else ()
        if len(shape) != 4:
            continue
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        if groups == shape[0] and shape[1] == 1:
            blocked = groups
        elif groups == 1 and shape[1] >= _LARGEST_BLOCK:
            blocked = shape[1]
        else:  # so few, or groups of several, of which it asks more
            continue
        if blocked % _ALIGNMENT:
            found.add(blocked)
    return tuple(sorted(found))
