"""The rewrites there are, and how they are applied to a network."""

import importlib
from typing import Literal, cast

from torch import nn

from exporters.errors import RewriteError
from exporters.rewrites.base import NAMES, Equivalence, Rewrite, RewriteReport
from exporters.rewrites.graph import trace

REWRITES = {name: cast(Rewrite, importlib.import_module(f"exporters.rewrites.{name}")) for name in NAMES}
"""By name, in the order in which they are applied."""


def apply(
    model: nn.Module,
    image_size: int,
    batch_size: int = 1,
    names: tuple[str, ...] | Literal["auto"] = "auto",
    *,
    channels: int = 3,
    name: str | None = None,
) -> tuple[nn.Module, tuple[RewriteReport, ...]]:
    """A rewritten copy of a network, for images (batch_size, channels, image_size, image_size), and what was done.

    The copy is a graph of its own, which `torch.export` and `torch.onnx.export` take like the network; the
    network is not touched, and shares no tensor with the copy.

    Args:
        names: rewrites to apply, in the order of `REWRITES`; "auto" for all that are exact.
        name: of the network, for messages; else it is called by its class.

    Raises:
        RewriteError: there is no such rewrite, or the network cannot be traced.
    """
    unknown = [name for name in names if name not in REWRITES] if names != "auto" else []
    if unknown:
        raise RewriteError(f"no rewrite {unknown[0]!r}; there are {', '.join(REWRITES)}")
    network = trace(model, image_size, batch_size, channels, name=name)
    chosen = (
        rewrite
        for name, rewrite in REWRITES.items()
        if (rewrite.EQUIVALENCE is Equivalence.EXACT if names == "auto" else name in names)
    )
    return network, tuple(rewrite.rewrite(network) for rewrite in chosen)
