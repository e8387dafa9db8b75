"""The rewrites there are, and how they are applied to a network."""

from typing import Literal

from torch import nn

from exporters.errors import RewriteError
from exporters.rewrites import batch_norm, blocked_layout, channels_first, layer_norm_to_batch_norm, merge_heads
from exporters.rewrites.base import Equivalence, Rewrite, RewriteReport
from exporters.rewrites.graph import trace

# In the order in which they are applied.
REWRITES: dict[str, Rewrite] = {
    module.NAME: module
    for module in (merge_heads, layer_norm_to_batch_norm, batch_norm, channels_first, blocked_layout)
}


def apply(
    model: nn.Module, image_size: int, batch_size: int = 1, names: tuple[str, ...] | Literal["auto"] = "auto"
) -> tuple[nn.Module, tuple[RewriteReport, ...]]:
    """A rewritten copy of a network, for images (batch_size, 3, image_size, image_size), and what was done.

    The copy is a graph of its own, which `torch.export` and `torch.onnx.export` take like the network; the
    network is not touched, and shares no tensor with the copy.

    Args:
        names: rewrites to apply, in the order of `REWRITES`; "auto" for all that are exact.

    Raises:
        RewriteError: there is no such rewrite, or the network cannot be traced.
    """
    unknown = [name for name in names if name not in REWRITES] if names != "auto" else []
    if unknown:
        raise RewriteError(f"no rewrite {unknown[0]!r}; there are {', '.join(REWRITES)}")
    network = trace(model, image_size, batch_size)
    chosen = (
        rewrite
        for name, rewrite in REWRITES.items()
        if (rewrite.EQUIVALENCE is Equivalence.EXACT if names == "auto" else name in names)
    )
    return network, tuple(rewrite.rewrite(network) for rewrite in chosen)
