from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from models.dense.build import create_dense, create_filled_dense
from models.dense.mask_rcnn import DummyMaskRcnn, FullMaskRcnn
from models.dense.spec import DenseSpec, Head, Mode
from models.zoo.images import natural_images

# Smaller than the paper's, and to be padded.
WIDTH, HEIGHT = 250, 256


def spec(mode: Mode, width: int = WIDTH, height: int = HEIGHT) -> DenseSpec:
    return DenseSpec(head=Head.MASK_RCNN, backbone="resnet18", width=width, height=height, mode=mode)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.from_numpy(natural_images(2, (HEIGHT, WIDTH)))


@pytest.fixture(scope="module")
def full() -> FullMaskRcnn:
    model, _ = create_filled_dense(spec(Mode.FULL))
    assert isinstance(model, FullMaskRcnn)
    return model


@torch.inference_mode()
def test_a_dummy_inference_runs_every_layer_on_a_thousand_boxes_and_a_hundred_masks(
    images: torch.Tensor, full: FullMaskRcnn
) -> None:
    with torch.device("meta"):
        model = create_dense(spec(Mode.DUMMY))
    assert isinstance(model, DummyMaskRcnn)
    model.load_state_dict(full.state_dict(), assign=True)
    first, second = model(images[:1]), model(images[1:])
    assert {
        name: tuple(first[name].shape) for name in ("scores", "boxes", "masks", "objectness_0", "offsets_pool")
    } == {
        "scores": (1000, 81),
        "boxes": (1000, 324),
        "masks": (100, 81, 28, 28),
        "objectness_0": (1, 3, 64, 64),
        "offsets_pool": (1, 12, 4, 4),
    }
    assert all((first[name] - second[name]).abs().max() > 0.1 * first[name].abs().max() for name in first)
    width, height = (model.proposals[:, 2:] - model.proposals[:, :2]).unbind(1)
    assert 450 < (width * height < 0).sum() < 550  # as mmdet's: of these there are no features


@torch.inference_mode()
def test_a_full_inference_gives_a_hundred_boxes_and_pasted_masks_and_enters_each_part(
    images: torch.Tensor, full: FullMaskRcnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[str] = []

    @contextmanager
    def apart(part: str) -> Iterator[None]:
        entered.append(part)
        yield
        entered.append(f"{part} ends")

    monkeypatch.setattr(full, "time_part", apart)
    found = full(images[:1])
    assert entered == ["nms", "nms ends", "nms", "nms ends", "paste", "paste ends"]
    assert {name: tuple(x.shape) for name, x in found.items()} == {
        "boxes": (100, 4),
        "labels": (100,),
        "scores": (100,),
        "masks": (100, 1, HEIGHT, WIDTH),
    }
    assert found["boxes"][:, 0::2].max() <= WIDTH  # of the image, not of what it was padded to


@torch.inference_mode()
def test_an_inference_of_too_few_boxes_is_refused(
    images: torch.Tensor, full: FullMaskRcnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full.net.roi_heads, "detections_per_img", 99)
    with pytest.raises(RuntimeError, match="the mask branch is given 99 boxes, not 100, so its time would be that of"):
        full(images[:1])
    monkeypatch.setattr(full.net.rpn, "_post_nms_top_n", {"training": 2000, "testing": 998})
    with pytest.raises(RuntimeError, match="the box branch is given 998 boxes, not 1000"):
        full(images[:1])
