"""What was timed: a file or a network, and what it is fed."""

from enum import StrEnum

import msgspec

from results.records.base import Count

EQUAL_FORMS = ("plain", "rewritten")
"""Forms that compute what the authors' network computes, so that its accuracy is theirs too."""


class ArtifactSource(StrEnum):
    """Whether effmod exported an artifact, from a network that it knows by name, or it is a file of the user's own."""

    ZOO = "zoo"
    FILE = "file"


class Fed(msgspec.Struct, frozen=True, kw_only=True):
    """What an input was fed.

    Attributes:
        value: in the words that `--feed` takes, such as "image" or "1"; of a file its name, without a folder.
        given: by the user; False for what the rule says where nobody does.
        feeds: as many were taken in turn, of which `value` is the first.
        sha256: of all values, in the order of their turns.
    """

    value: str
    given: bool = False
    feeds: Count = 1
    sha256: str


class InputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it was fed.

    Attributes:
        dtype: the runtime's word, such as "float" or "int64".
        decides_sizes: how large something within the graph is follows from its values.
        fed: None in records that were written before this was said.
    """

    name: str
    shape: tuple[Count, ...]
    dtype: str
    decides_sizes: bool = False
    fed: Fed | None = None


class Subnormals(msgspec.Struct, frozen=True, kw_only=True):
    """How many numbers of an artifact are subnormal: no zero, but nearer to it than 1.2e-38.

    It is no part of the artifact, whose hash says it, too: records from before they were counted are of the same one.

    Attributes:
        weights: those that a CPU computes with as they are.
        activations: over the inputs on which the file was proved; None where they were not seen.
    """

    weights: Count
    activations: Count | None = None


class Remarks(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader of an artifact's latency should know of it. As `Subnormals` it is no part of the artifact.

    Attributes:
        unaligned_channels: of convolutions that ONNX Runtime cannot run in its blocked layout on a CPU.
        elsewhere: how the network differs at this image size from the one that it is named after.
    """

    unaligned_channels: tuple[Count, ...] = ()
    elsewhere: str = ""


class TimedArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """The file that was timed. Names no folder.

    Attributes:
        name: the network's name in the zoo, or the file's name.
        form: "plain" for a network as its authors wrote it; the mode of a detector; None for a user's own file.
        sha256: empty where there is no file, since it could not be made: nothing was timed, and the record says why.
        opset: of an ONNX file.
        specification_version: of a Core ML package.
        weights: where the weights came from, in words.
        params, macs: None for a user's own file.
        attention_macs: of `macs`, the products of attention; None where they were not counted apart.
    """

    name: str
    source: ArtifactSource
    format: str
    form: str | None
    sha256: str
    size_bytes: Count
    opset: Count | None
    specification_version: Count | None = None
    inputs: tuple[InputTensor, ...]
    weights: str | None
    params: Count | None
    macs: Count | None
    attention_macs: Count | None = None

    @property
    def is_made(self) -> bool:
        """Whether there is a file."""
        return bool(self.sha256)

    def could_become(self, other: "TimedArtifact") -> bool:
        """Whether this one could not be made, and the other one is what was to be made."""
        same_size = self.image_size in (None, other.image_size) and self.batch_size == other.batch_size
        return not self.is_made and other.is_made and self.name == other.name and (not self.inputs or same_size)

    @property
    def batch_size(self) -> int:
        """The first dimension of the first input; 1 where that has none."""
        return self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else 1

    @property
    def takes_images(self) -> bool:
        """Whether the first input is a batch of images."""
        first = self.inputs[0] if self.inputs else None
        return (
            first is not None
            and len(first.shape) == 4
            and ("float" in first.dtype or first.dtype in ("double", "image", "uint8"))
        )

    @property
    def image_size(self) -> int | None:
        """Side of the square images that the first input takes; None where it takes something else."""
        shape = self.inputs[0].shape if self.inputs else ()
        if len(shape) != 4:
            return None
        channels_last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        height, width = shape[1:3] if channels_last else shape[2:4]
        return height if height == width else None
