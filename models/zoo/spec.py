"""What the zoo says about a network: the types of its registry, and of what is counted and loaded."""

from enum import StrEnum

import msgspec

# What timm builds: in a factory, and as a target of the user's own.
TIMM_PREFIX = "timm:"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Form(StrEnum):
    """Whether a network that is trained in several branches has been merged into one (MobileOne, RepVGG)."""

    INFERENCE = "inference"
    TRAINING = "training"


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How an image becomes the network's input, as its weights were trained.

    RGB in [0, 1]; the shorter side is resized to `image_size / crop_pct`, the centre is cropped, then
    `(x - mean) / std` by channel. The tensor is (N, 3, image_size, image_size), float32. A network of the user's own
    may take other channels than RGB: then there are as many of `mean` and `std`.
    """

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: str = "bicubic"
    crop_pct: float = 0.875

    @property
    def channels(self) -> int:
        return len(self.mean)

    @classmethod
    def of_channels(cls, count: int) -> "Preprocessing":
        """For images of which nobody says how they are prepared: ImageNet's usual; of others than RGB, its average."""
        if count == len(IMAGENET_MEAN):
            return cls()
        mean, std = (round(sum(values) / len(values), 3) for values in (IMAGENET_MEAN, IMAGENET_STD))
        return cls(mean=(mean,) * count, std=(std,) * count)


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Where networks of one design come from; empty where it is not known.

    Attributes:
        arxiv: number of the paper, such as "2403.19963".
        repository: the authors' code, or the code whose network the paper measured.
        licence: of that code; "none stated" where it has none. Networks written here copy nothing from it.
    """

    title: str
    arxiv: str = ""
    repository: str = ""
    licence: str = ""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One network of the zoo, as `zoo.json` states it, or one of the user's own.

    Attributes:
        factory: "module:function" that builds it, or "timm:NAME".
        params: parameters of the published network.
        macs: multiply-adds of one image at `image_size`, counted as the paper does (`models.zoo.complexity`).
        image_size: side of the square input that the paper uses, in pixels.
        min_size: smallest side that the network runs on.
        size_multiple: an input's side must be a multiple of it; else the network fails, or cuts pixels off.
        tables: the paper's tables that the network stands in.
        figures: the paper's figures that it stands in, of those that no table gives the networks of.
        aliases: further spellings that `create_model` answers to.
        linear_scale: by how much `models.fill` shrinks its linear layers and LayerScale, so that float32 can
            follow the network.
        note: what a reader of its figures should know.
        elsewhere: what he should know of those at other image sizes than `image_size`.
        source: where it comes from, for a network of no family of the zoo.
        top1: in percent, at `image_size`, as the authors of a plug-in state it; the zoo's are the paper's, which stand
            in `results/published`.

    Raises:
        ValueError: a size is out of range.
    """

    name: str
    family: str
    factory: str
    params: int
    macs: int
    image_size: int = 224
    min_size: int = 32
    size_multiple: int = 32
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    preprocessing: Preprocessing = Preprocessing()
    linear_scale: float = 1.0
    note: str = ""
    elsewhere: str = ""
    source: Family | None = None
    top1: float | None = None

    def __post_init__(self) -> None:
        for name in ("image_size", "min_size", "size_multiple"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if self.top1 is not None and not 0 <= self.top1 <= 100:
            raise ValueError(f"top1 is from 0 to 100 percent, not {self.top1}")


class StageComplexity(msgspec.Struct, frozen=True, kw_only=True):
    """Share of one stage: its module's name and class, the shape of its output, its parameters and multiply-adds."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    params: int
    macs: int


class Complexity(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters and multiply-adds of a network for one image of `image_size`, whole and by stage."""

    image_size: int
    channels: int = 3
    params: int
    macs: int
    stages: tuple[StageComplexity, ...]


class WeightsSource(StrEnum):
    """Where a network's weights come from."""

    RANDOM = "random"
    CHECKPOINT = "checkpoint"
    PRETRAINED = "pretrained"
    FUNCTION = "the function's own"


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Which weights a network holds: the seeded filling, a file, named by its hash, or those that timm publishes.

    A network that a function of the user's own returns may also hold what it held then.

    Attributes:
        seed: of the filling; None for a checkpoint.
        file: name of the checkpoint, without its folder; for timm's own weights, the name that timm gives them.
        sha256: of the checkpoint's bytes, or of the values that a function's network holds.
        entry: what was taken from it, such as "state_dict_ema".
    """

    source: WeightsSource
    seed: int | None = None
    file: str | None = None
    sha256: str | None = None
    entry: str | None = None

    def __str__(self) -> str:
        if self.source is WeightsSource.RANDOM:
            return f"random(seed {self.seed})"
        if self.source is WeightsSource.PRETRAINED:
            return f"pretrained({self.file})" if self.file else str(self.source)
        if self.source is WeightsSource.FUNCTION:
            return str(self.source)
        return f"{self.file} (sha256 {(self.sha256 or '')[:12]})"


def is_own(name: str) -> bool:
    """Whether a name is a target of the user's own, not one of the zoo."""
    return name.startswith(TIMM_PREFIX) or is_function(name)


def has_row(name: str) -> bool:
    """Whether a name's row stands in the zoo; any other network is built and counted for its row."""
    return not is_own(name) and "(" not in name


def is_function(name: str) -> bool:
    """Whether a name is that of a function in a Python file of the user's own, `path/to/file.py:function`.

    It may have arguments: `path/to/file.py:function(width=48)`.
    """
    return ".py:" in name
