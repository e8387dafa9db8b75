import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.training.data import NO_CLASS, Images, Loaded, read_images, training_batches, validation_batches
from models.training.errors import RecipeError, TrainingDataError
from models.training.recipe import Sourced
from models.training.world import World
from models.zoo.spec import Preprocessing
from tests.images import CLASSES, write_images

CPU = torch.device("cpu")


def _training(images: Images, sourced: Sourced, *, workers: int = 0, batch_size: int = 4, skip: bool = False) -> Loaded:
    return training_batches(
        images,
        sourced.recipe,
        Preprocessing(),
        image_size=32,
        batch_size=batch_size,
        seed=1,
        workers=workers,
        device=CPU,
        world=World(),
        skip_corrupt=skip,
    )


def _validation(
    images: Images,
    *,
    workers: int = 0,
    world: World = World(),  # noqa: B008 - it is frozen
    skip: bool = False,
) -> Loaded:
    return validation_batches(
        images,
        Preprocessing(),
        image_size=32,
        batch_size=5,
        workers=workers,
        device=CPU,
        world=world,
        skip_corrupt=skip,
    )


def _targets(batches: Loaded) -> list[int]:
    return [int(target) for _, targets in batches.of_epoch(0) for target in targets]


def test_classes_are_in_the_order_of_timm(images_folder: Path) -> None:
    images = read_images(images_folder)
    assert images.classes == CLASSES
    assert {Path(path).parent.name: place for path, place in images.train.samples} == {"1": 0, "2": 1, "10": 2}
    assert _targets(_validation(images)) == sorted(_targets(_validation(images)), key=lambda place: (0, 2, 1)[place])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than there are cores, where there is one
def test_an_epoch_is_the_same_with_any_number_of_workers_and_another_epoch_is_not(
    images_folder: Path, small_recipe: Sourced
) -> None:
    images = read_images(images_folder)
    recipe = small_recipe  # erasing is drawn beside the steps, which have a seed of their own
    here, apart = (_without_erasing(images, recipe, workers=workers) for workers in (0, 2))
    torch.manual_seed(3)
    first = list(here.of_epoch(4))
    torch.manual_seed(9)
    assert _equal(first, list(apart.of_epoch(4)))
    assert not _equal(first, list(here.of_epoch(5)))


def _without_erasing(images: Images, sourced: Sourced, *, workers: int) -> Loaded:
    loaded = _training(images, sourced, workers=workers)
    loaded._loader.random_erasing = None
    return loaded


def _equal(one: list[tuple[Tensor, Tensor]], other: list[tuple[Tensor, Tensor]]) -> bool:
    assert len(one) == len(other) == 6
    return all(
        torch.equal(a, b) for ones, others in zip(one, other, strict=True) for a, b in zip(ones, others, strict=True)
    )


def test_reading_images_leaves_the_generators_of_the_steps_alone(images_folder: Path, small_recipe: Sourced) -> None:
    photographs = _training(read_images(images_folder), small_recipe).photographs
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    photographs[3]
    assert torch.equal(torch.rand(1), expected)


def test_an_image_of_which_no_bit_is_left_is_black() -> None:
    from PIL import Image

    from models.training.data import _posterize

    picture = Image.new("RGB", (4, 4), (200, 100, 50))
    assert _posterize(picture, 0).getextrema() == ((0, 0), (0, 0), (0, 0))
    assert _posterize(picture, 1).getextrema() == ((128, 128), (0, 0), (0, 0))


def test_processes_share_the_validation_images_and_count_each_once(images_folder: Path) -> None:
    images = read_images(images_folder)
    shares = [_validation(images, world=World(size=5, rank=rank)) for rank in range(5)]
    assert sum(len(_targets(share)) for share in shares) == len(images.val.samples) == 12


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(TrainingDataError, match=r"train does not hold a folder of images for each class: .*; give"):
        read_images(tmp_path)


def test_a_class_that_is_only_tried_is_refused(tmp_path: Path) -> None:
    folder = write_images(tmp_path, train=1, val=1)
    shutil.copytree(folder / "val" / "1", folder / "val" / "3")
    with pytest.raises(TrainingDataError, match=r"val has a class '3' that .*train has not; both have to"):
        read_images(folder)
    shutil.copytree(folder / "val" / "1", folder / "val" / "4")
    with pytest.raises(TrainingDataError, match=r"train has not, and 1 more such; both have to"):
        read_images(folder)


def test_more_readers_than_cores_are_taken_as_asked(images_folder: Path, small_recipe: Sourced) -> None:
    images = read_images(images_folder)
    loaded = _training(images, small_recipe, workers=1000), _validation(images, workers=1000)  # a warning is an error
    assert [len(each) for each in loaded] == [6, 3]


def test_pairs_cannot_be_made_of_an_odd_number(images_folder: Path, small_recipe: Sourced) -> None:
    with pytest.raises(RecipeError, match="3 at once is odd"):
        _training(read_images(images_folder), small_recipe, batch_size=3)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, small_recipe: Sourced, workers: int) -> None:
    folder = write_images(tmp_path, train=2, val=1)
    (folder / "train" / "2" / "1.png").write_bytes(b"no image")
    batches = _training(read_images(folder), small_recipe, workers=workers)
    with pytest.raises(TrainingDataError, match=r"^cannot read the image .*2/1\.png: .*--skip-corrupt$"):
        list(batches.of_epoch(0))


def test_images_that_cannot_be_read_are_left_out_and_counted_where_that_is_wanted(
    tmp_path: Path, small_recipe: Sourced
) -> None:
    folder = write_images(tmp_path, train=2, val=1)
    for split, name in (("train", "2/1.png"), ("val", "10/0.png")):
        (folder / split / name).write_bytes(b"no image")
    images = read_images(folder)
    training, validation = _training(images, small_recipe, skip=True), _validation(images, skip=True)
    assert sum(len(targets) for _, targets in training.of_epoch(0)) == 4
    assert sorted(_targets(validation)) == [NO_CLASS, 0, 1]
    assert (training.photographs.broken(), validation.photographs.broken()) == (["2/1.png"], ["10/0.png"])
