"""Mask R-CNN, torchvision's, with the settings of mmdet's `mask_rcnn_r50_fpn_1x_coco`, in two modes.

Source: "Mask R-CNN" (arXiv 1703.06870); "Feature Pyramid Networks for Object Detection" (arXiv 1612.03144).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

_NECK, _CLASSES = 256, 81  # the 80 of COCO, and none of them
PROPOSALS = 1000
MASKS = 100
"""What the mask branch is given in one inference, in both modes."""


class Pyramid(nn.Module):
    """The backbone and its FPN: images to five maps of 256 channels, of strides 4 to 64, by name."""

    out_channels = _NECK

    def __init__(self, backbone: nn.Module, channels: Sequence[int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = FeaturePyramidNetwork(list(channels), _NECK, extra_blocks=LastLevelMaxPool())

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        maps: OrderedDict[str, Tensor] = self.neck(OrderedDict((str(i), x) for i, x in enumerate(self.backbone(x))))
        return maps


class MaskRcnn(nn.Module):
    """What both modes have: the network itself, and the image's size.

    Args:
        backbone: gives four maps, of strides 4 to 32.
        channels: of these.
        size, padded: height and width of the image, and of what the backbone sees.
    """

    def __init__(
        self, backbone: nn.Module, channels: Sequence[int], size: tuple[int, int], padded: tuple[int, int]
    ) -> None:
        super().__init__()
        # Of random weights every score is about 1 / 81: of a usual threshold, 0.05, nothing would be left for the
        # mask branch. torchvision's own settings of the image's size are not used: they would resize it.
        self.net = MaskRCNN(
            Pyramid(backbone, channels),
            num_classes=_CLASSES,
            rpn_pre_nms_top_n_test=PROPOSALS,
            rpn_post_nms_top_n_test=PROPOSALS,
            rpn_nms_thresh=0.7,
            box_score_thresh=0.0,
            box_nms_thresh=0.5,
            box_detections_per_img=MASKS,
        )
        self.size, self.padded = size, padded

    @property
    def backbone(self) -> nn.Module:
        """The part with BatchNorm."""
        pyramid: nn.Module = self.net.backbone.backbone
        return pyramid

    def calm_predictions(self, scale: float) -> None:
        """Multiply the layers that predict scores and boxes: boxes move less from the anchors, scores differ less."""
        rpn, boxes = self.net.rpn.head, self.net.roi_heads.box_predictor
        with torch.no_grad():
            for layer in (rpn.cls_logits, rpn.bbox_pred, boxes.cls_score, boxes.bbox_pred):
                layer.weight.mul_(scale)
                layer.bias.mul_(scale)

    def pad(self, x: Tensor) -> Tensor:
        """With zeros, at the right and the bottom."""
        return F.pad(x, (0, self.padded[1] - x.shape[3], 0, self.padded[0] - x.shape[2]))


class DummyMaskRcnn(MaskRcnn):
    """Every layer on boxes that are drawn, as mmdet 2.19's `forward_dummy`: 1000 from a normal, masks of the first 100.

    Corners are drawn, so the boxes lie at the image's corner, and about three of four have a side of less than nothing.
    Those of negative area are on no map: their features are zeros. The layers compute with them all the same.

    One image (1, 3, H, W) to scores (1000, 81), boxes (1000, 324) and masks (100, 81, 28, 28), and the objectness and
    box offsets of each map.
    """

    proposals: Tensor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drawn = torch.randn(PROPOSALS, 4, generator=torch.Generator().manual_seed(0), device="cpu")
        self.register_buffer("proposals", drawn, persistent=False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = self.net.backbone(self.pad(x))
        heads = self.net.roi_heads
        boxes = heads.box_roi_pool(maps, [self.proposals], [self.padded])  # (1000, 256, 7, 7)
        masks = heads.mask_roi_pool(maps, [self.proposals[:MASKS]], [self.padded])  # (100, 256, 14, 14)
        check_boxes("mask", masks, MASKS)
        return self.layers(maps, boxes, masks)

    def layers(self, maps: OrderedDict[str, Tensor], boxes: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """What is behind the maps, apart from cutting features out of them.

        Args:
            boxes, masks: the features of each proposal, (1000, 256, 7, 7), and of each mask, (100, 256, 14, 14).
        """
        heads = self.net.roi_heads
        objectness, offsets = self.net.rpn.head(list(maps.values()))
        scores, refined = heads.box_predictor(heads.box_head(boxes))
        logits = heads.mask_predictor(heads.mask_head(masks))
        by_map = {f"objectness_{name}": x for name, x in zip(maps, objectness, strict=True)}
        by_map |= {f"offsets_{name}": x for name, x in zip(maps, offsets, strict=True)}
        return {"scores": scores, "boxes": refined, "masks": logits} | by_map


class FullMaskRcnn(MaskRcnn):
    """A detection: 1000 proposals by NMS at 0.7, 100 boxes by NMS at 0.5 without a threshold of scores, pasted masks.

    One image (1, 3, H, W) to boxes (100, 4), scores and labels (100,), and masks (100, 1, H, W).

    Attributes:
        time_part: a context for each part whose time is to stand apart, "nms" and "paste"; each is entered once or more
            in an inference.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_part: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
        # NMS, with the sorting and clipping around it: of the proposals, then of the boxes.
        self.net.rpn.filter_proposals = self._within("nms", self.net.rpn.filter_proposals)
        self.net.roi_heads.postprocess_detections = self._within("nms", self.net.roi_heads.postprocess_detections)
        self.net.transform.postprocess = self._within("paste", self.net.transform.postprocess)

    def _within(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.time_part(part):
                return call(*args, **kwargs)

        return timed

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        images = ImageList(self.pad(x), [self.size])
        maps = self.net.backbone(images.tensors)
        proposals, _ = self.net.rpn(images, maps)
        check_boxes("box", proposals[0], PROPOSALS)
        found, _ = self.net.roi_heads(maps, proposals, images.image_sizes)
        pasted: dict[str, Tensor]
        (pasted,) = self.net.transform.postprocess(found, images.image_sizes, images.image_sizes)
        check_boxes("mask", pasted["masks"], MASKS)
        return pasted


def check_boxes(branch: str, given: Tensor, asked: int) -> None:
    """Refuse an inference in which a branch has more or less to do than what is to be timed.

    Args:
        branch: "box" or "mask".
        given: something for each box that it is given, (N, ...).

    Raises:
        RuntimeError: these are not as many as were asked for.
    """
    if given.shape[0] != asked:
        raise RuntimeError(
            f"the {branch} branch is given {given.shape[0]} boxes, not {asked}, so its time would be that of another "
            "inference: these weights leave too few after NMS"
        )
