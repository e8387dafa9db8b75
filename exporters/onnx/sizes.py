"""Inputs whose values decide how large something within a graph is, and so how much there is to do."""

import onnx

# Which inputs of an operator say how large its output is, by their places.
_SIZES = {
    "AffineGrid": (1,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "MaxUnpool": (2,),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Upsample": (1,),
}
# What these give follows from a size alone, whatever the values are.
_OF_SIZE = frozenset(("Shape", "Size"))


def deciding_inputs(graph: onnx.ModelProto) -> set[str]:
    """The names of the inputs that such a size is computed from. What subgraphs hold inside is not seen."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    comes_of = {value.name: {value.name} for value in graph.graph.input if value.name not in constants}
    found: set[str] = set()
    for node in graph.graph.node:
        origins = [comes_of.get(name, set()) for name in node.input]
        found = found.union(*(origins[place] for place in _SIZES.get(node.op_type, ()) if place < len(origins)))
        if node.op_type not in _OF_SIZE:
            comes_of |= dict.fromkeys(filter(None, node.output), set().union(*origins))
    return found
