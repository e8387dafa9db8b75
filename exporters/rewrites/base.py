"""What a rewrite is, and what it says of its work. No torch is imported here."""

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from exporters.config import ComputePrecision, Format

if TYPE_CHECKING:
    from exporters.rewrites.graph import Network


class Equivalence(StrEnum):
    """Whether the rewritten network computes what the network computed."""

    EXACT = "exact"
    RETRAIN = "retrain"
    """Another function with the same shapes: weights of the old network mean nothing to the new one."""


NAMES = ("merge_heads", "layer_norm_to_batch_norm", "batch_norm", "channels_first", "blocked_layout")
"""All rewrites, in the order in which they are applied. Each is the module of this package that is named so."""

RETRAIN = ("layer_norm_to_batch_norm",)
EXACT = tuple(name for name in NAMES if name not in RETRAIN)
"""Names of the rewrites by what they do to the outputs, for whoever must not import torch; a test holds them to it."""

_ONLY_FOR = {"blocked_layout": Format.ONNX}  # Core ML has no blocked layout to stay in

AUTO = {format_: tuple(name for name in EXACT if _ONLY_FOR.get(name, format_) is format_) for format_ in Format}
"""What `--rewrite auto` is for each format: the exact rewrites but those that are for another one."""

DECISIVE = ("channels_first", "blocked_layout")
"""Where none of these finds a place to change, `auto` leaves an ONNX file plain.

The others alone win nothing: onnxsim and ONNX Runtime fold a BatchNorm of the plain file as well. On one thread,
mobilenetv2_100 was 0.997 times as fast as its authors' export where it had been folded before, and 1.005 where not.
"""


def default_rewrites(format_: Format, precision: ComputePrecision, *, dynamic_batch: bool) -> tuple[str, ...]:
    """Names of the rewrites of an export for which the user names none: those of `auto`.

    A rewritten network has a fixed batch, so there are none where that is to stay open; and none for float16 in ONNX,
    which is for GPUs: no rewritten form was timed there.
    """
    for_gpus = format_ is Format.ONNX and precision is ComputePrecision.FLOAT16
    return () if dynamic_batch or for_gpus else AUTO[format_]


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

    def undone(self) -> "RewriteReport":
        """The report of this rewrite where the network is left plain after all."""
        places = (f"all {self.count}: the network is left plain",) if self.count else ()
        return msgspec.structs.replace(self, count=0, skipped=places + self.skipped)


class Rewrite(Protocol):
    """A module of this package: it changes a network in place, and reports."""

    NAME: str
    EQUIVALENCE: Equivalence

    def rewrite(self, network: "Network") -> RewriteReport: ...
