import csv
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from models.training.chance import seed_all
from models.training.checkpoints import BEST, LAST, read
from models.training.data import read_images, training_batches, validation_batches
from models.training.errors import DivergedError, NotKeptError, ResumeError
from models.training.log import LOG, Epoch
from models.training.loop import Run, train
from models.training.recipe import Sourced, changed
from models.training.steps import divide
from models.training.tasks import classification, distillation
from models.training.world import World
from models.zoo.checkpoint import load_checkpoint
from models.zoo.identity import Identity, identity_of
from models.zoo.spec import Preprocessing
from tests.images import CLASSES, Small

CPU = torch.device("cpu")
Trained = Callable[..., tuple[Epoch, ...]]


class EndedError(RuntimeError):
    """As a kill: nothing of the loop runs after it."""


@pytest.fixture
def trained(images_folder: Path, small_recipe: Sourced) -> Trained:
    """Train a small network into a folder."""
    images = read_images(images_folder)

    def go(output: Path, *, sourced: Sourced = small_recipe, teacher: nn.Module | None = None, **told: Any) -> Any:
        recipe = sourced.recipe
        steps = divide(recipe.data, len(images.train.samples), 1)
        run = Run(
            identity=Identity(name="small", num_classes=3, image_size=32, classes=CLASSES),
            recipe=recipe,
            steps=steps,
            images=len(images.train.samples),
            seed=told.pop("seed", 0),
        )
        seed_all(run.seed)
        network = Small()
        told.pop("on_network", lambda _: None)(network)
        task = classification(network, recipe, device=CPU)
        if teacher is not None:
            usual = Preprocessing()
            task = distillation(network, teacher, recipe, preprocessing=usual, teacher_preprocessing=usual, device=CPU)
        shared: dict[str, Any] = {
            "image_size": 32, "batch_size": steps.at_once, "workers": 0, "device": CPU, "world": World()
        }  # fmt: skip
        return train(
            task,
            run,
            training_batches(images, recipe, Preprocessing(), seed=run.seed, **shared),
            validation_batches(images, Preprocessing(), **shared),
            output,
            **told,
        )

    return go


def _weights(folder: Path) -> dict[str, Tensor]:
    content = read(folder / LAST)
    return {f"{entry}.{name}": x for entry in ("state_dict", "state_dict_ema") for name, x in content[entry].items()}


def _same(one: Path, other: Path) -> bool:
    theirs = _weights(other)
    return all(torch.equal(x, theirs[name]) for name, x in _weights(one).items())


def test_a_small_network_learns_a_small_folder(trained: Trained, tmp_path: Path, small_recipe: Sourced) -> None:
    longer = changed(small_recipe, "schedule", "test", num_epochs=12, cooldown_epochs=0)
    told: list[Epoch] = []
    done = trained(tmp_path, sourced=changed(longer, "optimizer", "test", lr=0.05), on_epoch=told.append)
    assert tuple(told) == done
    assert done[-1].ema_top1 == 100
    assert done[-1].train_loss < done[0].train_loss
    with (tmp_path / LOG).open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows == [msgspec.structs.asdict(epoch) for epoch in done]


def test_the_learning_rate_is_that_of_the_schedule(trained: Trained, tmp_path: Path) -> None:
    assert [epoch.lr for epoch in trained(tmp_path)] == pytest.approx([1e-6, 0.0030025, 0.0010075, 1e-5])


@pytest.mark.parametrize("step", [4, 7, 11])
def test_a_run_that_was_ended_and_resumed_has_the_same_weights(trained: Trained, tmp_path: Path, step: int) -> None:
    whole = trained(tmp_path / "whole")

    def end(epoch: int, at: int) -> None:
        if 3 * epoch + at == step:
            raise EndedError

    with pytest.raises(EndedError):
        trained(tmp_path / "ended", on_step=end)
    told: list[Epoch] = []
    done = trained(tmp_path / "ended", resume=True, on_epoch=told.append)
    assert len(told) == len(whole) - step // 3  # no finished epoch is repeated
    assert _same(tmp_path / "whole", tmp_path / "ended")
    assert [epoch.train_loss for epoch in done] == [epoch.train_loss for epoch in whole]


def test_another_seed_gives_other_weights(trained: Trained, tmp_path: Path) -> None:
    trained(tmp_path / "0")
    trained(tmp_path / "1", seed=1)
    assert not _same(tmp_path / "0", tmp_path / "1")


def test_another_run_is_not_resumed(trained: Trained, tmp_path: Path, small_recipe: Sourced) -> None:
    trained(tmp_path)
    with pytest.raises(ResumeError, match=r"seed is 0 there, and 1 here"):
        trained(tmp_path, seed=1, resume=True)
    with pytest.raises(ResumeError, match=r"recipe\.optimizer\.lr is 0\.004 there, and 0\.1 here"):
        trained(tmp_path, sourced=changed(small_recipe, "optimizer", "test", lr=0.1), resume=True)


def test_a_checkpoint_is_loaded_as_the_network_and_its_averaged_weights_are_preferred(
    trained: Trained, tmp_path: Path
) -> None:
    trained(tmp_path)
    network, content = Small(), read(tmp_path / LAST)
    assert load_checkpoint(network, tmp_path / LAST).entry == "state_dict_ema"
    assert all(torch.equal(x, content["state_dict_ema"][name]) for name, x in network.state_dict().items())
    assert load_checkpoint(network, tmp_path / BEST, use_ema=False).entry == "state_dict"
    assert identity_of(tmp_path / BEST) == Identity(name="small", num_classes=3, image_size=32, classes=CLASSES)


def test_a_loss_that_is_no_number_ends_it_and_the_last_checkpoint_stays(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = Small.forward, iter(range(1000))

    def breaks(self: Small, x: Tensor) -> Tensor:
        # Two parts a step, three steps an epoch, then two batches and their averages: the second step of epoch 2.
        scores = forward(self, x)
        return scores * float("nan") if self.training and next(calls) >= 8 else scores

    monkeypatch.setattr(Small, "forward", breaks)
    with pytest.raises(DivergedError, match=r"the loss is nan since step 2 of epoch 2, .* of epoch 1, stays"):
        trained(tmp_path)
    assert read(tmp_path / LAST)["epoch"] == 1


def test_weights_that_the_last_step_of_an_epoch_broke_are_not_kept(trained: Trained, tmp_path: Path) -> None:
    networks: list[nn.Module] = []

    def breaks(epoch: int, step: int) -> None:
        if (epoch, step) == (1, 2):
            with torch.no_grad():
                networks[0].get_parameter("head.bias").fill_(float("nan"))

    with pytest.raises(DivergedError, match=r"after epoch 2 weights .* in head\.bias; .* of epoch 1, stays"):
        trained(tmp_path, on_step=breaks, on_network=networks.append)
    assert read(tmp_path / LAST)["epoch"] == 1


def test_scores_that_are_no_numbers_are_never_right(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Small.forward

    def breaks(self: Small, x: Tensor) -> Tensor:
        scores = forward(self, x)
        return scores if self.training else scores * float("nan")

    monkeypatch.setattr(Small, "forward", breaks)
    assert trained(tmp_path)[-1].top1 == 0


def test_where_the_first_process_has_a_checkpoint_all_need_it(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.loop.agreed", lambda *_: 1)
    with pytest.raises(ResumeError, match=r"last\.pth is not there, and the first process has one"):
        trained(tmp_path, resume=True)


def test_without_space_the_last_checkpoint_stays(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, calls = os.fsync, iter(range(1000))

    def full(handle: int) -> None:
        if next(calls) > 5:  # of two files and the log, each with its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr("models.training.checkpoints.os.fsync", full)
    with pytest.raises(NotKeptError, match=r"No space left on device; the one of an earlier epoch is still there"):
        trained(tmp_path)
    assert read(tmp_path / LAST)["epoch"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEST, LAST, LOG]


def test_a_teacher_changes_what_is_learned_and_stays_as_it_is(trained: Trained, tmp_path: Path) -> None:
    torch.manual_seed(5)
    teacher = Small()
    before = {name: x.clone() for name, x in teacher.state_dict().items()}
    trained(tmp_path / "alone")
    trained(tmp_path / "taught", teacher=teacher)
    assert not _same(tmp_path / "alone", tmp_path / "taught")
    assert all(torch.equal(x, before[name]) for name, x in teacher.state_dict().items())
    assert _weights(tmp_path / "taught").keys() == _weights(tmp_path / "alone").keys()
