"""What an artifact is made of."""

from collections import Counter
from pathlib import Path


def count_operators(path: Path) -> Counter[str]:
    """How many operators of each kind an ONNX file or a Core ML package has. Constants are not counted.

    Raises:
        ArtifactError: it cannot be read.
    """
    if path.is_dir():
        from exporters.coreml.program.program import load_program

        return load_program(path).operators()
    from exporters.onnx.graph import read_graph

    return Counter(node.op_type for node in read_graph(path).graph.node if node.op_type != "Constant")
