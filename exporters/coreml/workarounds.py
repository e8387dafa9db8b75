"""What coremltools 9.0 gets wrong, by itself or with newer libraries. Each workaround goes when its reason is gone."""

from typing import Any


def apply() -> None:
    """Put the mended functions in place; coremltools is imported already. Doing it again changes nothing."""
    from coremltools.converters.mil.frontend.torch import ops, torch_op_registry
    from coremltools.converters.mil.mil.passes.defs import optimize_elementwise_binary

    _unpack_constants(ops)
    _know_alias(ops, torch_op_registry._TORCH_OPS_REGISTRY)
    _leave_affines(optimize_elementwise_binary)


def _unpack_constants(ops: Any) -> None:
    """`int(array([n]))`, by which a traced network's sizes become numbers, is an error from numpy 2.4 on.

    Goes when `_cast` of coremltools takes the one element of such an array itself (9.0 does not).
    """
    original = ops._cast
    if getattr(original, "unpacks_constants", False):
        return

    def cast(context: Any, node: Any, dtype: type, dtype_name: str) -> None:
        (x,) = ops._get_inputs(context, node, expected=1)
        if x.can_be_folded_to_const() and x.shape and all(size == 1 for size in x.shape):
            context.add(ops.mb.const(val=dtype(x.val.item()), name=node.name), node.name)
        else:
            original(context, node, dtype, dtype_name)

    cast.unpacks_constants = True  # type: ignore[attr-defined]
    ops._cast = cast


def _know_alias(ops: Any, registry: Any) -> None:
    """From 2.15 on torch leaves the operator `alias` in what it exports: another name for the same tensor.

    Goes when coremltools knows it (9.0 knows only `alias_copy`).
    """
    if registry.get_func("alias") is None:
        registry.set_func_by_name(ops.noop, "alias")


def _leave_affines(passes: Any) -> None:
    """A pass makes a batch_norm of a multiplication and an addition by channel, and that is not exact.

    It leaves batch_norm's epsilon at 1e-5, and so divides by sqrt(1 + 1e-5): half of what we allow a float32 package
    to be wrong by. In a float16 program, when weights are compressed, it fails. So it does nothing.
    Goes when the pass gives an epsilon of 0, and the mean and variance the input's type.
    """
    passes.fuse_elementwise_to_batchnorm.apply = lambda *_: None
