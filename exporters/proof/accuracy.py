"""How often is an artifact right? Top-1 and top-5 of the file itself, over a folder of labelled images."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from timm.data import ImageNetInfo
from torchvision.datasets import ImageFolder

from exporters.artifact.evaluator import Evaluator, Images
from exporters.artifact.sidecar import Accuracy
from exporters.config import ComputePrecision
from exporters.errors import ImageFolderError
from exporters.proof.parity import normalized
from exporters.stage import Stage, enter
from models import Preprocessing
from models.zoo.photographs import centre_crop


def read_folder(folder: Path, preprocessing: Preprocessing, *, image_size: int) -> ImageFolder:
    """The images of a folder of ImageNet's layout: a folder for each class, the images in it.

    Images are resized and cropped as `Preprocessing` says, which is how the published accuracies are measured.

    Raises:
        ImageFolderError: it has not that layout.
    """
    try:
        return ImageFolder(folder, centre_crop(preprocessing, image_size))
    except OSError as error:  # FileNotFoundError, torchvision's word for a wrong layout, is one
        raise ImageFolderError(
            f"{folder} does not hold a folder of images for each class, as ImageNet's validation set does: "
            f"{error.strerror or error}"
        ) from error


def measure_accuracy(
    artifact: Evaluator,
    dataset: ImageFolder,
    preprocessing: Preprocessing,
    *,
    batch_size: int = 1,
    labels: Sequence[str] | None = None,
    progress: Callable[[Iterable[Images], int], Iterable[Images]],
) -> dict[ComputePrecision, Accuracy]:
    """Classify every image of a folder, in each precision that the artifact has.

    Args:
        dataset: made by `read_folder`.
        labels: the artifact's own names of its classes, where it has some.
        progress: wraps the batches, of which it is told the number.

    Raises:
        ImageFolderError: its classes are not the artifact's, or an image cannot be read.
        ArtifactError: the artifact cannot be evaluated.
    """
    enter(Stage.PROVING)
    right: dict[ComputePrecision, list[npt.NDArray[np.bool_]]] = {precision: [] for precision in artifact.precisions}
    targets = iter([target for _, target in dataset.samples])
    indices: npt.NDArray[np.int64] | None = None
    for pixels in progress(_batches(dataset, batch_size), -(-len(dataset) // batch_size)):
        images = pixels if artifact.takes_pixels else normalized(pixels, preprocessing)
        found = {precision: artifact.scores(images, precision, batch_size) for precision in artifact.precisions}
        if indices is None:
            classes = next(iter(found.values())).shape[1]
            indices = _class_indices(dataset.root, dataset.classes, classes, labels)
        expected = indices[[next(targets) for _ in pixels]]
        for precision, scores in found.items():
            first = np.argsort(-scores, axis=1, kind="stable")[:, :5]  # (N, 5)
            right[precision].append(first == expected[:, None])
    return {precision: _accuracy(np.concatenate(ranks)) for precision, ranks in right.items()}


def _accuracy(ranks: npt.NDArray[np.bool_]) -> Accuracy:
    return Accuracy(images=len(ranks), top1=100 * float(ranks[:, 0].mean()), top5=100 * float(ranks.any(axis=1).mean()))


def _batches(dataset: ImageFolder, size: int) -> Iterator[Images]:
    """Pixels, 0..255, (N, 3, image_size, image_size)."""
    for start in range(0, len(dataset), size):
        yield np.stack([_pixels(dataset, i) for i in range(start, min(start + size, len(dataset)))])


def _pixels(dataset: ImageFolder, index: int) -> Images:
    path = dataset.samples[index][0]
    if not Path(path).is_file():  # a pipe, say, whose end would be waited for
        raise ImageFolderError(f"cannot read the image {path}: it is not a file; take it out")
    try:
        image: Any = dataset[index][0]  # (3, image_size, image_size), uint8
    except Exception as error:  # fed a stranger's bytes, a decoder may raise anything
        raise ImageFolderError(f"cannot read the image {path}: {error}; mend it, or take it out") from error
    pixels: Images = image.numpy().astype(np.float32)
    return pixels


def _class_indices(
    folder: str, names: Sequence[str], classes: int, labels: Sequence[str] | None
) -> npt.NDArray[np.int64]:
    """Which of the artifact's classes each folder is: by label, by ImageNet's identifier, or by their order."""
    known = labels if labels is not None and set(names) <= set(labels) else None
    if known is None and classes == 1000:
        known = ImageNetInfo("imagenet-1k").label_names()
    if known is not None and set(names) <= set(known):
        return np.array([known.index(name) for name in names])
    if len(names) == classes:
        return np.arange(classes)
    raise ImageFolderError(
        f"{folder} holds {len(names)} classes, and the artifact tells {classes} apart; name the folders as its labels, "
        "as ImageNet names its classes (n01440764), or have one folder for each class, in their order"
    )
