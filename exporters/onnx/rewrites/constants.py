"""Constants where the rules look for them: computed, and among the initializers, however small."""

import contextlib

import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass
from onnxscript.optimizer import fold_constants


def settle_constants(model: ir.Model) -> None:
    """Compute what follows from constants alone, and make an initializer of each constant, in place."""
    # It raises at an operator that it takes for another, and what it did until then stands: SplitToSequence, say, with
    # a length that is an input.
    with contextlib.suppress(RuntimeError):
        fold_constants(model)
    # By default those of fewer than 16 values stay operators: the weights of a narrow layer's BatchNormalization, too.
    LiftConstantsToInitializersPass(size_limit=0)(model)
