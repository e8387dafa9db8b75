"""Which pictures there are, and what each needs."""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a picture shows."""

    TRADEOFF = "tradeoff"
    RESOLUTION = "resolution"
    BATCH = "batch"
    WIDTH = "width"
    KERNEL = "kernel"
    THREADS = "threads"
    DISTRIBUTION = "distribution"


class Across(StrEnum):
    """What accuracy is set against."""

    CPU = "cpu"
    GPU = "gpu"
    MACS = "macs"
    PARAMS = "params"


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of latency along one thing.

    Attributes:
        along: "image_size", "batch_size" or "threads", or the names that networks' arguments have for it.
        words: what that is, of several.
        axis: what stands at the axis.
        command: measures such a sweep.
        of_setting: the fact of a setting that it is.
        is_log: whether its axis shows factors.
        is_power: whether the power by which time grows along it is said.
    """

    along: tuple[str, ...]
    words: str
    axis: str
    command: str
    of_setting: str = ""
    is_log: bool = True
    is_power: bool = False


SWEEPS = {
    Kind.RESOLUTION: Sweep(
        along=("image_size",),
        words="image sizes",
        axis="side of the image, pixels",
        command="effmod bench NETWORK --image-size 224:512:32",
        is_power=True,
    ),
    Kind.BATCH: Sweep(
        along=("batch_size",),
        words="batch sizes",
        axis="images in a batch",
        command="effmod bench NETWORK --batch-size 1,2,4,8",
        of_setting="batch",
    ),
    Kind.THREADS: Sweep(
        along=("threads",),
        words="numbers of threads",
        axis="threads",
        command="effmod bench NETWORK --threads 1,2",
        of_setting="threads",
    ),
    Kind.WIDTH: Sweep(
        along=("dim", "width"),
        words="widths",
        axis="width, channels",
        command="effmod reproduce fig9",
    ),
    Kind.KERNEL: Sweep(
        along=("kernel_size",),
        words="kernel sizes",
        axis="side of the kernel",
        is_log=False,
        command="effmod reproduce fig9",
    ),
}
