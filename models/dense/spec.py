"""Which detectors and segmenters there are, and the one word that names each: `mask_rcnn:efficientmod_s@512x512+full`.

Reading and finding them imports no torch.
"""

import difflib
import fnmatch
import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from models.zoo.errors import UnknownModelError
from models.zoo.spec import is_function

BACKBONES = (
    "resnet18",
    "poolformer_s12",
    "efficientmod_s_conv",
    "pvt_tiny",
    "efficientformer_l1",
    "pvt_v2_b1",
    "efficientformerv2_s2",
    "efficientmod_s",
)
"""Those of Tables 7 and 11, in their order."""

_STEP = 32  # the stride of the last map: images are padded to a multiple of it


class Head(StrEnum):
    """What stands on the backbone."""

    MASK_RCNN = "mask_rcnn"
    SEMANTIC_FPN = "semantic_fpn"


class Mode(StrEnum):
    """What an inference of Mask R-CNN is.

    DUMMY runs every layer on boxes that are drawn, as `forward_dummy` of mmdet 2.19 does; nothing is selected or
    pasted. FULL is a detection: boxes are proposed and selected, and the masks pasted into the image.
    """

    DUMMY = "dummy"
    FULL = "full"


# Width and height, as the paper writes them; the first is meant where none is said.
SIZES: dict[Head, tuple[tuple[int, int], ...]] = {
    Head.MASK_RCNN: ((512, 512), (1333, 800)),
    Head.SEMANTIC_FPN: ((512, 512),),
}
MODES: dict[Head, tuple[Mode, ...]] = {Head.MASK_RCNN: (Mode.DUMMY, Mode.FULL), Head.SEMANTIC_FPN: ()}


class DenseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A detector or segmenter on one backbone, for images of one size.

    Attributes:
        width, height: of the image, in pixels.
        mode: None for a head that has but one.
    """

    head: Head
    backbone: str
    width: int
    height: int
    mode: Mode | None

    @property
    def name(self) -> str:
        """By which `find_dense` finds it; the mode that is meant where none is said is left out."""
        mode = "" if self.mode in (None, *MODES[self.head][:1]) else f"+{self.mode}"
        return f"{self.head}:{self.backbone}@{self.width}x{self.height}{mode}"

    @property
    def form(self) -> str:
        """What tells it from others of its head, backbone and size, in a word."""
        return self.mode or "plain"

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of what the backbone sees: 1333 pixels are padded to 1344."""
        return _up(self.height), _up(self.width)


class DenseComplexity(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters and multiply-adds of an inference.

    Attributes:
        macs: as `models.count` counts them, with the products of attention.
        attention_macs: of these, the products of attention, which some counters leave out.
    """

    params: int
    macs: int
    attention_macs: int


def _up(side: int) -> int:
    return -(-side // _STEP) * _STEP


def list_dense(pattern: str = "*") -> list[DenseSpec]:
    """Those whose name matches a shell pattern such as `mask_rcnn:*@512x512`, in the paper's order."""
    every = (
        DenseSpec(head=head, backbone=backbone, width=width, height=height, mode=mode)
        for head in Head
        for width, height in SIZES[head]
        for mode in MODES[head] or (None,)
        for backbone in BACKBONES
    )
    return [spec for spec in every if fnmatch.fnmatchcase(spec.name, pattern)]


def is_dense(target: str) -> bool:
    """Whether a target is meant for one of these: what stands before its colon is a head, or nearly one."""
    head, colon, _ = target.partition(":")
    return (
        not is_function(target) and bool(colon) and bool(difflib.get_close_matches(head, list(Head), n=1, cutoff=0.7))
    )


def find_dense(target: str) -> list[DenseSpec]:
    """What a target names: `HEAD:BACKBONE@WIDTHxHEIGHT+MODE`, size and mode as they are usual where left out.

    Args:
        target: or a shell pattern of names.

    Raises:
        UnknownModelError: it names none; the message names the nearest.
    """
    if any(character in target for character in "*?["):
        found = list_dense(target)
        if not found:
            raise UnknownModelError(f"no detector or segmenter matches {target!r}; one is named {list_dense()[0].name}")
        return found
    parts = re.fullmatch(r"(?P<head>[^:]*):(?P<backbone>[^@+]*)(@(?P<size>[^+]*))?(\+(?P<mode>.*))?", target)
    assert parts is not None  # each part takes whatever is there
    head = Head(_one_of(target, "head", parts["head"], list(Head)))
    backbone = _one_of(target, "backbone", parts["backbone"], BACKBONES)
    sizes = {f"{width}x{height}": (width, height) for width, height in SIZES[head]}
    size = _one_of(target, "image size", parts["size"], list(sizes), of=f" of {head}, width x height")
    mode = None
    if parts["mode"] is not None and not MODES[head]:
        raise UnknownModelError(f"{target}: {head} has no modes; leave +{parts['mode']} out")
    if MODES[head]:
        mode = Mode(_one_of(target, "mode", parts["mode"], MODES[head], of=f" of {head}"))
    width, height = sizes[size]
    return [DenseSpec(head=head, backbone=backbone, width=width, height=height, mode=mode)]


def _one_of(target: str, what: str, given: str | None, known: Sequence[str], *, of: str = "") -> str:
    """The word that was given, the first of those that are known where none was.

    Raises:
        UnknownModelError: it is not known.
    """
    if given is None:
        return known[0]
    if given in known:
        return given
    nearest = max(known, key=lambda word: difflib.SequenceMatcher(None, given, word).ratio())
    raise UnknownModelError(
        f"{target}: no {what} {given!r}{of}; did you mean '{nearest}'? There are {', '.join(known)}"
    )
