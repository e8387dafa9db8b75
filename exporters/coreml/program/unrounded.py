"""The float32 program that a float16 package is a rounding of: caught within the conversion, as it is rounded.

coremltools converts to float32 and simplifies, and only then casts to float16. What stands before the cast is what a
float32 package would hold; kept from there, it costs no second conversion. Norms are folded in it already, so its
constants, rounded, are the float16 package's, where the network's own weights, rounded, are not.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from exporters.coreml.program.operators.values import Value
from exporters.coreml.program.program import Program
from exporters.coreml.program.reader import Declared, Operator, Reference

_CAST, _KEEP = "common::add_fp16_cast", "effmod::keep_unrounded"
_NAMES = {"fp16": "FLOAT16", "fp32": "FLOAT32", "fp64": "FLOAT64", "str": "STRING"}


def keeping_unrounded(ct: Any, name: str, keep: Callable[[Program], None]) -> Any:
    """coremltools' passes, and among them one that changes nothing: it hands over the program before it is rounded.

    Args:
        ct: coremltools.
        name: of the program, for messages.
    """
    from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
    from coremltools.converters.mil.mil.passes.pass_registry import register_pass

    @register_pass(namespace="effmod", override=True)
    class keep_unrounded(AbstractGraphPass):  # noqa: N801 - passes are called by their class's name
        def apply(self, prog: Any) -> None:
            keep(_read(prog, Path(name)))

    pipeline = ct.PassPipeline.DEFAULT
    pipeline.insert_pass(pipeline.passes.index(_CAST), _KEEP)
    return pipeline


def _read(prog: Any, path: Path) -> Program:
    """A program as coremltools holds it in memory, in the form of one that was read from a package."""
    main = prog.functions["main"]
    constants: dict[str, Value] = {}
    operators = []
    for operation in main.operations:
        if operation.op_type == "const":
            (result,) = operation.outputs
            constants[_sane(result.name)] = _value(result.val)
        else:
            operators.append(_operator(operation))
    inputs = [_declared(variable) for variable in main.inputs.values()]
    return Program(path, inputs, {}, constants, operators, [_sane(variable.name) for variable in main.outputs])


def _operator(operation: Any) -> Operator:
    arguments = {}
    for parameter, given in operation.inputs.items():
        variables = given if isinstance(given, (list, tuple)) else [given]
        arguments[parameter] = [Reference(_sane(variable.name)) for variable in variables]
    return Operator(operation.op_type, _sane(operation.name), arguments, tuple(map(_declared, operation.outputs)))


def _declared(variable: Any) -> Declared:
    from coremltools.converters.mil.mil import types

    kind = types.builtin_to_string(variable.dtype)
    shape = tuple(int(size) if isinstance(size, (int, np.integer)) else None for size in variable.shape)
    return Declared(_sane(variable.name), _NAMES.get(kind, kind.upper()), shape)


def _value(value: Any) -> Value:
    """As the reader of packages gives constants. Copied, for coremltools goes on with its own."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return [_value(each) for each in value]
    array = np.array(value)
    wide = np.float32 if array.dtype.kind == "f" else np.bool_ if array.dtype.kind == "b" else np.int64
    return torch.from_numpy(array.astype(wide))


def _sane(name: str) -> str:
    """As names are written into a package."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
