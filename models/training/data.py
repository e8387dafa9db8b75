"""Images of a folder, as timm's loader has them, in batches that depend on the seed, the epoch and the image alone."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import torch
from PIL import Image
from timm.data import FastCollateMixup, auto_augment, create_loader
from timm.data.loader import fast_collate
from timm.utils import natural_key
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder

from models.training.chance import Use, drawing_from, seed_of
from models.training.errors import RecipeError, TrainingDataError
from models.training.recipe import Recipe
from models.training.world import World
from models.zoo.spec import Preprocessing
from models.zoo.words import first_line

NO_CLASS = -1
"""In the place of the class of an image that cannot be read, and is left out of what is counted."""

_VALIDATION = ("val", "validation")
_GREY = (128, 128, 128)


class Batches(Protocol):
    """Images and their classes, batch by batch: (N, 3, H, W), normalized, and (N,), or (N, classes) where mixed."""

    def __len__(self) -> int: ...

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch: the same ones whenever it is asked for."""
        ...


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """The images of a folder with a folder for each class: each image's path, and the place of its class."""

    folder: Path
    samples: tuple[tuple[str, int], ...]


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """What a network is trained on, and tried on.

    Attributes:
        classes: in timm's order, in which 2 comes before 10; it is the order of the network's outputs.
    """

    classes: tuple[str, ...]
    train: Split
    val: Split


def read_images(folder: Path) -> Images:
    """The images of a folder of ImageNet's layout: `train` and `val` in it, in each a folder for each class.

    Raises:
        TrainingDataError: it has not that layout, or `val` has a class that `train` has not.
    """
    train = _read(folder, "train")
    val = _read(folder, next((name for name in _VALIDATION if (folder / name).is_dir()), "val"))
    classes = tuple(sorted(train.classes, key=natural_key))
    if unknown := [name for name in val.classes if name not in classes]:
        more = f", and {len(unknown) - 1} more such" if len(unknown) > 1 else ""
        raise TrainingDataError(
            f"{val.root} has a class {unknown[0]!r} that {train.root} has not{more}; both have to have the same folders"
        )
    return Images(classes=classes, train=_split(train, classes), val=_split(val, classes))


def _read(folder: Path, name: str) -> ImageFolder:
    try:
        return ImageFolder(folder / name)
    except OSError as error:  # FileNotFoundError, torchvision's word for a wrong layout, is one
        raise TrainingDataError(
            f"{folder / name} does not hold a folder of images for each class: {error.strerror or error}; give a "
            "folder that has train and val in it, as ImageNet has"
        ) from error


def _split(found: ImageFolder, classes: Sequence[str]) -> Split:
    place = {name: i for i, name in enumerate(classes)}
    return Split(
        folder=Path(found.root),
        samples=tuple((path, place[found.classes[number]]) for path, number in found.samples),
    )


class Photographs(Dataset[Any]):
    """Image files with their classes; what is random about one is drawn from (seed, epoch, image).

    An image that cannot be read raises, or, with `skip_corrupt`, the next one stands in for it in training, as in
    timm; in validation it counts for nothing.

    Attributes:
        transform: timm's loader sets it.
        epoch: of which the images are wanted.
        is_broken: which could not be read so far, (images,). Worker processes share it.
    """

    def __init__(self, split: Split, *, seed: int, is_training: bool, skip_corrupt: bool) -> None:
        self.split = split
        self.seed = seed
        self.is_training = is_training
        self.skip_corrupt = skip_corrupt
        self.transform: Any = None
        self.epoch = 0
        self.is_broken = torch.zeros(len(split.samples), dtype=torch.bool).share_memory_()

    def __len__(self) -> int:
        return len(self.split.samples)

    def __getitem__(self, index: int) -> tuple[Any, int, int]:
        """Pixels, class, and the seed for what is done to a batch that begins with it."""
        where = self.seed, self.epoch, index
        picture, target = self._readable(index)
        with drawing_from(seed_of(where[0], Use.IMAGE, *where[1:])):
            return self.transform(picture), target, seed_of(where[0], Use.MIXING, *where[1:])

    def _readable(self, index: int) -> tuple[Image.Image, int]:
        for step in range(len(self)):
            path, target = self.split.samples[(index + step) % len(self)]
            try:
                return _open(path), target
            except TrainingDataError:
                self.is_broken[(index + step) % len(self)] = True
                if not self.skip_corrupt:
                    raise
            if not self.is_training:
                return Image.new("RGB", (8, 8), _GREY), NO_CLASS
        raise TrainingDataError(f"{self.split.folder} holds no image that can be read")

    def broken(self) -> list[str]:
        """The images that could not be read so far, within the folder."""
        places = self.is_broken.nonzero().flatten().tolist()
        return [str(Path(self.split.samples[place][0]).relative_to(self.split.folder)) for place in places]

    def check(self) -> None:
        """Raise the error of the first image that could not be read.

        Raises:
            TrainingDataError: there is one.
        """
        for place in self.is_broken.nonzero().flatten().tolist():
            _open(self.split.samples[place][0])


def _open(path: str) -> Image.Image:
    if not Path(path).is_file():  # a pipe, say, whose end would be waited for
        raise TrainingDataError(f"cannot read the image {path}: it is not a file; take it out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, and of metadata that is damaged
            with Image.open(path) as image:
                return image.convert("RGB")
    except Exception as error:  # fed a stranger's bytes, a decoder may raise anything
        raise TrainingDataError(
            f"cannot read the image {path}: {first_line(error)}; mend it, or take it out, or leave such out with "
            "--skip-corrupt"
        ) from error


class Loaded:
    """`Batches` of image files, by a loader of timm's."""

    def __init__(self, photographs: Photographs, loader: Any) -> None:
        self.photographs = photographs
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """
        Raises:
            TrainingDataError: an image cannot be read, or the process that reads it was killed.
        """
        self.photographs.epoch = epoch
        sampler = self._loader.sampler
        if hasattr(sampler, "set_epoch"):  # of one process among several
            sampler.set_epoch(epoch)
            sampler.seed = self.photographs.seed
        elif self.photographs.is_training:
            order = seed_of(self.photographs.seed, Use.ORDER, epoch)
            sampler.generator = torch.Generator().manual_seed(order)
        try:
            yield from self._loader
        except Exception as error:  # of a worker process, whose message is a traceback
            if not self.photographs.skip_corrupt:
                self.photographs.check()
            if "DataLoader worker" in str(error) and "killed" in str(error):
                raise TrainingDataError(
                    "a process that reads images was killed, most often for want of memory; fewer --workers take less"
                ) from error
            raise


class Collate:
    """timm's, with mixing where the recipe has it, drawn from the seed that the first image of a batch brings."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        mixing = msgspec.structs.asdict(recipe.mixing)
        self._collate = FastCollateMixup(**mixing, num_classes=classes) if recipe.mixing.is_on else fast_collate

    def __call__(self, batch: list[tuple[Any, int, int]]) -> tuple[Tensor, Tensor]:
        with drawing_from(batch[0][2]):
            pixels, targets = self._collate(batch)
        return pixels, targets


def training_batches(
    images: Images,
    recipe: Recipe,
    preprocessing: Preprocessing,
    *,
    image_size: int,
    batch_size: int,
    seed: int,
    workers: int,
    device: torch.device,
    world: World,
    skip_corrupt: bool = False,
) -> Loaded:
    """The images to train on, changed at random and mixed as the recipe says.

    Args:
        batch_size: images that one process computes at once.
        workers: processes that read images, for this one.

    Raises:
        RecipeError: a batch of an odd number of images is to be mixed, or timm does not know a value.
    """
    if recipe.mixing.is_on and batch_size % 2:
        raise RecipeError(f"images are mixed in pairs, and {batch_size} at once is odd; choose an even number")
    photographs = Photographs(images.train, seed=seed, is_training=True, skip_corrupt=skip_corrupt)
    try:
        loader = _loader(
            photographs,
            input_size=(3, image_size, image_size),
            is_training=True,
            **msgspec.structs.asdict(recipe.augmentation),
            collate_fn=Collate(recipe, len(images.classes)),
            distributed=world.size > 1,
            **_shared(preprocessing, batch_size, workers, device),
        )
    except (AssertionError, ValueError, KeyError) as error:
        raise RecipeError(f"timm does not take this augmentation: {type(error).__name__}: {error}") from error
    _keep_no_bits(photographs.transform)
    return Loaded(photographs, loader)


def _keep_no_bits(transform: Any) -> None:
    """Let RandAugment's posterize leave no bit of an image, as its strongest does: Pillow 13 refuses it, where those
    before made the image black."""
    for part in transform.transforms:
        for operation in getattr(part, "ops", ()):
            if operation.aug_fn is auto_augment.posterize:
                operation.aug_fn = _posterize


def _posterize(picture: Image.Image, bits: int, **rest: Any) -> Image.Image:
    return Image.new(picture.mode, picture.size) if bits == 0 else auto_augment.posterize(picture, bits, **rest)


def validation_batches(
    images: Images,
    preprocessing: Preprocessing,
    *,
    image_size: int,
    batch_size: int,
    workers: int,
    device: torch.device,
    world: World,
    skip_corrupt: bool = False,
) -> Loaded:
    """The images to try the network on, or this process's share: each once, however many processes there are."""
    own = Split(folder=images.val.folder, samples=images.val.samples[world.rank :: world.size])
    photographs = Photographs(own, seed=0, is_training=False, skip_corrupt=skip_corrupt)
    loader = _loader(
        photographs,
        input_size=(3, image_size, image_size),
        is_training=False,
        interpolation=preprocessing.interpolation,
        crop_pct=preprocessing.crop_pct,
        **_shared(preprocessing, batch_size, workers, device),
    )
    return Loaded(photographs, loader)


def _loader(photographs: Photographs, **told: Any) -> Any:
    """timm's, without PyTorch's own warning where more processes are to read than there are cores: that was asked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        return create_loader(photographs, **told)


def _shared(preprocessing: Preprocessing, batch_size: int, workers: int, device: torch.device) -> dict[str, Any]:
    return {
        "batch_size": batch_size,
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "num_workers": workers,
        "device": device,
        "pin_memory": device.type == "cuda",
        "persistent_workers": False,  # they would keep the epoch that they were started in
    }
