"""Constants where the rules look for them: computed, and among the initializers, however small."""

import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass
from onnxscript.optimizer import fold_constants

from models.zoo.words import first_line


def settle_constants(model: ir.Model) -> tuple[str, ...]:
    """Compute what follows from constants alone, and make an initializer of each constant, in place.

    Returns:
        What a report is to say of an operator at which that ended, if any: behind it nothing was computed.
    """
    skipped: tuple[str, ...] = ()
    try:
        fold_constants(model)
    except RuntimeError as error:  # at an operator that it takes for another: SplitToSequence with an input's length
        skipped = (f"the file: not all that follows from constants is computed: {first_line(error)}",)
    # By default those of fewer than 16 values stay operators: the weights of a narrow layer's BatchNormalization, too.
    LiftConstantsToInitializersPass(size_limit=0)(model)
    return skipped
