"""Constants where the rules look for them: among the initializers, however small."""

import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass


def lift_constants(model: ir.Model) -> None:
    """Make an initializer of each operator that gives a constant tensor, in place."""
    # By default those of fewer than 16 values stay operators: the weights of a narrow layer's BatchNormalization, too.
    LiftConstantsToInitializersPass(size_limit=0)(model)
