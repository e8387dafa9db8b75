"""How often is an artifact right? Top-1 and top-5 of the file itself, over a folder of labelled images."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from timm.data import ImageNetInfo
from timm.utils import natural_key
from torchvision.datasets import ImageFolder

from exporters.artifact.accuracy import Accuracy, DataSet, Interval
from exporters.artifact.evaluator import Evaluator, Images
from exporters.config import ComputePrecision
from exporters.errors import ImageFolderError
from exporters.proof.parity import normalized
from exporters.stage import Stage, enter
from models import Preprocessing
from models.zoo.photographs import centre_crop

Indices = npt.NDArray[np.int64]
Progress = Callable[[Iterable["Batch"], int], Iterable["Batch"]]
"""Wraps batches, of which it is told the number."""

_NAMED_AT_MOST = 5


class Batch(msgspec.Struct, frozen=True):
    """Images of a folder: which ones, (N,), and their pixels, 0..255, (N, 3, image_size, image_size)."""

    places: list[int]
    pixels: Images


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact takes the images of a folder for.

    Attributes:
        data: the folder.
        places: which of its images were classified, in their order, (N,).
        expected: the class of each by its folder, as the artifact numbers classes, (N,).
        first_five: the artifact's first classes for each, the first first, by precision, (N, 5) or fewer.
        of_class: which of the artifact's classes each folder is, (folders,).
        in_order: the folders are known by their order alone, and torchvision would put them into another one.
        skipped: the images that cannot be read.
    """

    data: DataSet
    places: Indices
    expected: Indices
    first_five: dict[ComputePrecision, Indices]
    of_class: Indices
    in_order: bool
    skipped: tuple[str, ...] = ()

    def right(self, precision: ComputePrecision) -> npt.NDArray[np.bool_]:
        """Whether the first of its classes is the image's, (N,)."""
        is_right: npt.NDArray[np.bool_] = self.first_five[precision][:, 0] == self.expected
        return is_right

    def accuracy(self, precision: ComputePrecision) -> Accuracy:
        in_five = (self.first_five[precision] == self.expected[:, None]).any(axis=1)
        images, right, right_in_five = len(self.expected), int(self.right(precision).sum()), int(in_five.sum())
        return Accuracy(
            precision=precision,
            images=images,
            skipped=len(self.skipped),
            right=right,
            right_in_five=right_in_five,
            top1=100 * right / images,
            top1_interval=_wilson(right, images),
            top5=100 * right_in_five / images,
            top5_interval=_wilson(right_in_five, images),
            data=self.data,
        )


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
    progress: Progress,
) -> dict[ComputePrecision, Accuracy]:
    """How often an artifact is right, in each precision that it has.

    Args:
        As `classify`.

    Raises:
        As `classify`.
    """
    found = classify(artifact, dataset, preprocessing, batch_size=batch_size, labels=labels, progress=progress)
    return {precision: found.accuracy(precision) for precision in artifact.precisions}


def classify(
    artifact: Evaluator,
    dataset: ImageFolder,
    preprocessing: Preprocessing,
    *,
    batch_size: int = 1,
    labels: Sequence[str] | None = None,
    skip_corrupt: bool = False,
    progress: Progress,
) -> Classified:
    """Classify every image of a folder, in each precision that the artifact has.

    Args:
        dataset: made by `read_folder`.
        labels: the artifact's own names of its classes, where it has some.
        skip_corrupt: leave out images that cannot be read.

    Raises:
        ImageFolderError: its classes are not the artifact's, or an image cannot be read, or none of them.
        ArtifactError: the artifact cannot be evaluated.
    """
    enter(Stage.PROVING)
    first_five: dict[ComputePrecision, list[Indices]] = {precision: [] for precision in artifact.precisions}
    places: list[int] = []
    skipped: list[str] | None = [] if skip_corrupt else None
    of_class: Indices | None = None
    by_order = False
    for batch in progress(_batches(dataset, batch_size, skipped), -(-len(dataset) // batch_size)):
        images = batch.pixels if artifact.takes_pixels else normalized(batch.pixels, preprocessing)
        found = {precision: artifact.scores(images, precision, batch_size) for precision in artifact.precisions}
        if of_class is None:  # said of the first batch, not after hours
            classes = next(iter(found.values())).shape[1]
            of_class, by_order = _class_indices(dataset.root, dataset.classes, classes, labels)
        places += batch.places
        for precision, scores in found.items():
            first_five[precision].append(np.argsort(-scores, axis=1, kind="stable")[:, :5])
    if of_class is None:
        raise ImageFolderError(f"{dataset.root} holds no image that can be read")
    return Classified(
        data=DataSet(name=Path(dataset.root).resolve().name, classes=len(dataset.classes), sha256=_sha256(dataset)),
        places=np.array(places),
        expected=of_class[[dataset.samples[place][1] for place in places]],
        first_five={precision: np.concatenate(found) for precision, found in first_five.items()},
        of_class=of_class,
        in_order=by_order and bool((of_class != np.arange(len(of_class))).any()),
        skipped=tuple(skipped or ()),
    )


def skipped_in_words(skipped: Sequence[str]) -> str:
    """Which images were left out: a few by name, and how many more."""
    names = ", ".join(skipped[:_NAMED_AT_MOST])
    more = f", and {len(skipped) - _NAMED_AT_MOST} more" if len(skipped) > _NAMED_AT_MOST else ""
    return f"{len(skipped)} cannot be read, and were skipped: {names}{more}"


def _wilson(right: int, images: int) -> Interval:
    """In percent, of 95 %."""
    from scipy.stats import binomtest

    found = binomtest(right, images).proportion_ci(confidence_level=0.95, method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def _sha256(dataset: ImageFolder) -> str:
    """Of the names of its images, within the folder, and of their sizes."""
    digest = hashlib.sha256()
    for path in sorted(Path(path) for path, _ in dataset.samples):
        name = path.relative_to(dataset.root).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _batches(dataset: ImageFolder, size: int, skipped: list[str] | None) -> Iterator[Batch]:
    """Its images, so many at once but for the last.

    Args:
        skipped: takes up the names of images that cannot be read; None to refuse them.
    """
    places: list[int] = []
    pixels: list[Images] = []
    for place in range(len(dataset)):
        try:
            pixels.append(_pixels(dataset, place))
        except ImageFolderError:
            if skipped is None:
                raise
            skipped.append(Path(dataset.samples[place][0]).relative_to(dataset.root).as_posix())
        else:
            places.append(place)
        if len(places) == size or (places and place == len(dataset) - 1):
            yield Batch(places, np.stack(pixels))
            places, pixels = [], []


def _pixels(dataset: ImageFolder, index: int) -> Images:
    path = dataset.samples[index][0]
    if not Path(path).is_file():  # a pipe, say, whose end would be waited for
        raise ImageFolderError(f"cannot read the image {path}: it is not a file; take it out")
    try:
        image: Any = dataset[index][0]  # (3, image_size, image_size), uint8
    except Exception as error:  # fed a stranger's bytes, a decoder may raise anything
        raise ImageFolderError(
            f"cannot read the image {path}: {error}; mend it, or take it out, or leave such out with --skip-corrupt"
        ) from error
    pixels: Images = image.numpy().astype(np.float32)
    return pixels


def _class_indices(
    folder: str, names: Sequence[str], classes: int, labels: Sequence[str] | None
) -> tuple[Indices, bool]:
    """Which of the artifact's classes each folder is: by label, by ImageNet's identifier, or by their order.

    Their order is that of timm, with which networks are trained: in it 2 comes before 10. Whether they are known by
    that alone is said, too.
    """
    known: Sequence[str] = labels or ()
    if not set(names) & set(known) and classes == 1000:
        known = ImageNetInfo("imagenet-1k").label_names()
    if set(names) & set(known):
        others = [name for name in names if name not in known]
        if others:
            some = "ImageNet's classes" if known is not labels else "labels of the artifact"
            raise ImageFolderError(
                f"{folder} holds folders that are {some}, and {', '.join(map(repr, others[:_NAMED_AT_MOST]))}, "
                "which is none: name each as a class, or take it out"
            )
        return np.array([known.index(name) for name in names]), False
    if len(names) == classes:
        place = {name: i for i, name in enumerate(sorted(names, key=natural_key))}
        return np.array([place[name] for name in names]), True
    raise ImageFolderError(
        f"{folder} holds {len(names)} classes, and the artifact tells {classes} apart; name the folders as its labels, "
        "as ImageNet names its classes (n01440764), or have one folder for each class, in their order"
    )
