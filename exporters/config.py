"""What a user can choose about an artifact."""

from enum import StrEnum

import msgspec

DEFAULT_OPSET = 20
OLDEST_OPSET = 18  # what torch's exporter writes itself; anything older is a lossy down-conversion


class Format(StrEnum):
    """The kind of file that a network is exported to."""

    ONNX = "onnx"


class OnnxConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An ONNX export.

    Attributes:
        image_size: side of the square input, in pixels.
        batch_size: images in one inference; with `dynamic_batch`, what is timed.
        dynamic_batch: leave the batch axis open, named "batch".
        opset: version of the ONNX operators.
        simplify: pass the graph through onnxsim, and keep the result where its outputs are the network's.

    Raises:
        ValueError: a value is out of range.
    """

    image_size: int
    batch_size: int = 1
    dynamic_batch: bool = False
    opset: int = DEFAULT_OPSET
    simplify: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is at least 1, not {self.batch_size}")
        if self.opset < OLDEST_OPSET:
            raise ValueError(f"opset is at least {OLDEST_OPSET}, not {self.opset}")
