import pytest

from models.training.errors import RecipeError, TrainingDataError
from models.training.recipe import Data
from models.training.steps import Steps, divide, is_in_small_parts, is_short, nearest_in_large_parts


@pytest.mark.parametrize(
    ("processes", "steps"),
    [
        (8, Steps(at_once=256, accumulated=1, in_epoch=625)),  # as the authors
        (1, Steps(at_once=256, accumulated=8, in_epoch=625)),
        (16, Steps(at_once=128, accumulated=1, in_epoch=625)),
    ],
)
def test_a_batch_is_divided_among_processes_and_parts(processes: int, steps: Steps) -> None:
    assert divide(Data(batch_size=2048, images_at_once=256), 1281167, processes) == steps


@pytest.mark.parametrize(("batch_size", "at_once"), [(50, 4), (258, 256), (6, 256), (9, 4)])
def test_parts_are_as_large_as_may_be_and_even_where_they_can(batch_size: int, at_once: int) -> None:
    steps = divide(Data(batch_size=batch_size, images_at_once=at_once), 1000, 1)
    assert {50: 2, 258: 86, 6: 6, 9: 3}[batch_size] == steps.at_once
    assert steps.at_once * steps.accumulated == batch_size


@pytest.mark.parametrize("batch_size", [514, 262])
def test_a_batch_in_small_parts_is_known_and_so_are_the_nearest_ones_that_are_not(batch_size: int) -> None:
    data = Data(batch_size=batch_size, images_at_once=256)
    assert divide(data, 1000, 1).at_once == 2
    assert is_in_small_parts(data, 1)
    nearest = nearest_in_large_parts(data, 1)
    assert nearest == {514: (512, 516), 262: (260, 264)}[batch_size]
    assert all(divide(Data(batch_size=size, images_at_once=256), 1000, 1).at_once >= 128 for size in nearest)


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(RecipeError, match="2048 images a step do not divide among 3 processes"):
        divide(Data(batch_size=2048, images_at_once=256), 1281167, 3)


def test_fewer_images_than_a_batch_are_refused() -> None:
    with pytest.raises(TrainingDataError, match="100 images are fewer than the 2048 of one step"):
        divide(Data(batch_size=2048, images_at_once=256), 100, 1)


def test_only_a_run_that_its_average_would_not_forget_is_short() -> None:
    assert is_short(0.9998, 1000)
    assert not is_short(0.9998, 625 * 310)
