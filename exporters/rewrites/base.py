"""What a rewrite is, and what it says of its work. No torch is imported here."""

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from exporters.config import Format

if TYPE_CHECKING:
    from exporters.rewrites.graph import Network


class Equivalence(StrEnum):
    """Whether the rewritten network computes what the network computed."""

    EXACT = "exact"
    RETRAIN = "retrain"
    """Another function with the same shapes: weights of the old network mean nothing to the new one."""


EXACT = ("merge_heads", "batch_norm", "channels_first", "blocked_layout")
RETRAIN = ("layer_norm_to_batch_norm",)
"""Names of the rewrites by what they do to the outputs, for whoever must not import torch; a test holds them to it."""

AUTO = {Format.ONNX: EXACT, Format.COREML: ("merge_heads", "batch_norm", "channels_first")}
"""What `--rewrite auto` is for each format; Core ML has no blocked layout to stay in."""


class RewriteReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one rewrite did.

    Attributes:
        count: places that it changed.
        skipped: places that it left alone, each with its reason: "stages.3.norm: its input is not a convolution".
    """

    name: str
    equivalence: Equivalence
    count: int
    skipped: tuple[str, ...] = ()


class Rewrite(Protocol):
    """A module of this package: it changes a network in place, and reports."""

    NAME: str
    EQUIVALENCE: Equivalence

    def rewrite(self, network: "Network") -> RewriteReport: ...


class RewriteError(ValueError):
    """The network cannot be rewritten as asked: an unknown rewrite, or a network that torch cannot trace."""
