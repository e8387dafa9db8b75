"""What each operator of an ONNX graph gives, in ONNX Runtime on the CPU."""

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
import onnxruntime

from exporters.artifact.evaluator import Step, Values
from exporters.onnx.values import run, silent


def steps(model: onnx.ModelProto, inputs: Values, nodes: Iterable[onnx.NodeProto] | None = None) -> Iterator[Step]:
    """Each operator of one inference, in the order of computation. What subgraphs hold inside is not seen.

    Args:
        model: with its weights inside.
        nodes: those to give, with results that the model has; None for its own.
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    shown = {value.name for value in observed.graph.output}
    names = [name for node in model.graph.node for name in node.output if name]
    observed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in shown)
    session = onnxruntime.InferenceSession(observed.SerializeToString(), silent(), providers=["CPUExecutionProvider"])
    found = dict(zip(names, run(session, inputs, names), strict=True))
    for node in model.graph.node if nodes is None else nodes:
        results = {name: found[name] for name in node.output if isinstance(found.get(name), np.ndarray)}
        yield Step(node.op_type, node.name or next(iter(node.output), ""), results)
