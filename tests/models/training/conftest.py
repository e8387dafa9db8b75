from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.training.recipe import Sourced, changed, recipe_of
from tests.images import write_images


@pytest.fixture(scope="session")
def images_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums of one thread are the same wherever the test runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small_recipe() -> Sourced:
    """The authors', for a few images and epochs."""
    sourced = changed(recipe_of("efficientmod_xxs", "efficientmod"), "data", "test", batch_size=8, images_at_once=4)
    sourced = changed(sourced, "schedule", "test", num_epochs=3, cooldown_epochs=1, warmup_epochs=1)
    return changed(sourced, "averaging", "test", decay=0.5)
