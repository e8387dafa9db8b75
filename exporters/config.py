"""What a user can choose about an artifact."""

from enum import StrEnum
from typing import ClassVar

import msgspec

DEFAULT_OPSET = 20
OLDEST_OPSET = 18  # what torch's exporter writes itself; anything older is a lossy down-conversion


class Format(StrEnum):
    """The kind of file that a network is exported to."""

    ONNX = "onnx"
    COREML = "coreml"


class ComputePrecision(StrEnum):
    """The arithmetic of an artifact."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


class FastOn(StrEnum):
    """A runtime that a form of an ONNX file was seen to be fast on, by the name that it has everywhere."""

    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


class Int8(StrEnum):
    """When the scales of activations are found: anew in each inference, or once, over examples."""

    DYNAMIC = "int8-dynamic"
    STATIC = "int8-static"


DEFAULT_PRECISION = {Format.ONNX: ComputePrecision.FLOAT32, Format.COREML: ComputePrecision.FLOAT16}


class OnnxConfig(msgspec.Struct, frozen=True, kw_only=True, tag_field="format", tag="onnx"):
    """An ONNX export.

    Attributes:
        image_size: side of the square input, in pixels.
        batch_size: images in one inference; with `dynamic_batch`, what is timed.
        dynamic_batch: leave the batch axis open, named "batch".
        opset: version of the ONNX operators.
        simplify: pass the graph through onnxsim, and keep the result where its outputs are the network's.
        compute_precision: float16 is for GPUs; input and output stay float32.
        rewrites: names of the rewrites to apply first; none leaves the network as its authors wrote it.

    Raises:
        ValueError: a value is out of range.
    """

    format: ClassVar[Format] = Format.ONNX

    image_size: int
    batch_size: int = 1
    dynamic_batch: bool = False
    opset: int = DEFAULT_OPSET
    simplify: bool = True
    compute_precision: ComputePrecision = DEFAULT_PRECISION[Format.ONNX]
    rewrites: tuple[str, ...] = ()
    softmax: ClassVar[bool] = False  # a file ends as its network does

    @property
    def is_equal(self) -> bool:
        """Whether the file is meant to compute what its network computes. In float16 its error is measured only."""
        return self.compute_precision is ComputePrecision.FLOAT32

    def __post_init__(self) -> None:
        if self.rewrites and self.dynamic_batch:
            raise ValueError("a rewritten network has a fixed batch; leave the open batch axis or the rewrites out")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is at least 1, not {self.batch_size}")
        if self.opset < OLDEST_OPSET:
            raise ValueError(f"opset is at least {OLDEST_OPSET}, not {self.opset}")


class DeploymentTarget(StrEnum):
    """The oldest system that a Core ML package runs on; macOS 12 to 15 take what iOS 15 to 18 take."""

    IOS15 = "iOS15"
    IOS16 = "iOS16"
    IOS17 = "iOS17"
    IOS18 = "iOS18"


class InputKind(StrEnum):
    """What a Core ML package takes: an RGB image as it comes from a camera, or the normalized tensor."""

    IMAGE = "image"
    TENSOR = "tensor"


class Compression(StrEnum):
    """How weights are stored: as they are, as 8-bit integers, or as 6-bit places in a table of 64 values."""

    NONE = "none"
    INT8 = "int8"
    PALETTE6 = "palette6"


class CoreMLConfig(msgspec.Struct, frozen=True, kw_only=True, tag_field="format", tag="coreml"):
    """A Core ML export: an ML program in a `.mlpackage`.

    Attributes:
        image_size: side of the square input, in pixels.
        batch_size: images in one inference.
        labels: names of the classes, which make the package a classifier.
        softmax: end in a softmax, and call the output "probabilities".
        modelbench: make what Apple's ModelBench app takes.
        rewrites: names of the rewrites to apply first; none leaves the network as its authors wrote it.

    Raises:
        ValueError: two choices contradict each other, or a value is out of range.
    """

    format: ClassVar[Format] = Format.COREML

    image_size: int
    batch_size: int = 1
    target: DeploymentTarget = DeploymentTarget.IOS16
    compute_precision: ComputePrecision = DEFAULT_PRECISION[Format.COREML]
    input: InputKind = InputKind.IMAGE
    labels: tuple[str, ...] | None = None
    softmax: bool = False
    compress: Compression = Compression.NONE
    modelbench: bool = False
    rewrites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is at least 1, not {self.batch_size}")
        if self.batch_size > 1 and self.input is InputKind.IMAGE:
            raise ValueError(f"an image input holds one image, not {self.batch_size}; a batch needs the input 'tensor'")
        if self.batch_size > 1 and self.labels is not None:
            raise ValueError(f"a classifier takes one image, not {self.batch_size}; leave the labels out")
        if self.compress is not Compression.NONE and self.target is DeploymentTarget.IOS15:
            raise ValueError(f"compressed weights ({self.compress}) need the target iOS16 or later")
        if self.modelbench and (self.target is not DeploymentTarget.IOS15 or self.input is not InputKind.IMAGE):
            raise ValueError("ModelBench takes the target iOS15 and the input 'image'; leave both out")
        if self.modelbench and self.labels is not None:
            raise ValueError("ModelBench takes no classifier; leave the labels out")

    @property
    def is_equal(self) -> bool:
        """Whether the package is meant to compute what its network computes, as far as its precision goes."""
        return self.compress is Compression.NONE

    @property
    def output(self) -> str:
        """The name of the output."""
        return "probabilities" if self.softmax else "logits"


ExportConfig = OnnxConfig | CoreMLConfig
