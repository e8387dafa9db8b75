"""From a name to a detector or segmenter: built, filled, counted."""

import msgspec
import torch
from torch import Tensor, nn

from models.dense.backbones import create_backbone
from models.dense.mask_rcnn import MASKS, PROPOSALS, DummyMaskRcnn, FullMaskRcnn, MaskRcnn
from models.dense.semantic_fpn import SemanticFpn
from models.dense.spec import DenseComplexity, DenseSpec, Head, Mode
from models.zoo.complexity import count_macs
from models.zoo.spec import Weights, WeightsSource
from models.zoo.weights import calibrate_batch_norm, fill_parameters

# What predicts scores and boxes is filled so much smaller: its weights have about the deviation, 0.01, with which the
# training of detectors begins. At full size boxes grow over the whole image, and NMS leaves too few of them.
_CALM = 0.1


def create_dense(spec: DenseSpec) -> SemanticFpn | MaskRcnn:
    """Build a detector or segmenter, freshly initialized, in eval mode, for one image (1, 3, height, width)."""
    backbone, channels = create_backbone(spec.backbone, spec.padded)
    if spec.head is Head.SEMANTIC_FPN:
        return SemanticFpn(backbone, channels).eval()
    kind = FullMaskRcnn if spec.mode is Mode.FULL else DummyMaskRcnn
    model: MaskRcnn = kind(backbone, channels, (spec.height, spec.width), spec.padded)
    return model.eval()


def create_filled_dense(spec: DenseSpec, *, seed: int = 0) -> tuple[nn.Module, Weights]:
    """The same with the seeded filling of `fill`. In either mode Mask R-CNN has the same weights.

    Its layers behind the backbone have no BatchNorm; of Semantic FPN's there is one behind each convolution.
    """
    model = create_dense(spec)
    fill_parameters(model, seed=seed)
    if isinstance(model, MaskRcnn):
        model.calm_predictions(_CALM)
    with_norms = model if isinstance(model, SemanticFpn) else model.backbone
    calibrate_batch_norm(with_norms, spec.padded, seed=seed)
    return model, Weights(source=WeightsSource.RANDOM, seed=seed)


def count_dense(spec: DenseSpec) -> DenseComplexity:
    """Parameters and multiply-adds of an inference, in both countings.

    Of Mask R-CNN those of the layers: 1000 proposals and 100 masks in either mode. Nothing is computed.
    """
    with torch.device("meta"):
        model = create_dense(msgspec.structs.replace(spec, mode=spec.mode and Mode.DUMMY))
        x = torch.zeros(1, 3, *spec.padded)
        macs, attention_macs = count_macs(_Layers(model) if isinstance(model, DummyMaskRcnn) else model, x)
    return DenseComplexity(
        params=sum(parameter.numel() for parameter in model.parameters()),
        macs=macs,
        attention_macs=attention_macs,
    )


class _Layers(nn.Module):
    """Mask R-CNN without what cuts features out of maps, which multiplies nothing that is counted."""

    def __init__(self, model: DummyMaskRcnn) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> None:
        features = [x.new_zeros(count, 256, side, side) for count, side in ((PROPOSALS, 7), (MASKS, 14))]
        self.model.layers(self.model.net.backbone(x), *features)
