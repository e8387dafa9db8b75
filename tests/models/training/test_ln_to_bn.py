from collections.abc import Iterator

import msgspec
import pytest
import torch
from torch import Tensor, nn

from models import BatchNormError
from models.efficientmod import EfficientMod
from models.efficientmod_conv import ConvEfficientMod, Norm
from models.training import ln_to_bn
from models.training.recipe import Features, Recipe, recipe_of
from models.zoo.batch_normed import batch_normed, layers_of
from models.zoo.spec import Preprocessing
from models.zoo.weights import fill_parameters

SIZE, CPU = 32, torch.device("cpu")


def teacher_of(norm: Norm | None = None) -> nn.Module:
    """A small network with values of order 1; `norm` for the convolutional one in one of its forms."""
    if norm is None:
        network: nn.Module = EfficientMod(dims=(8, 16), depths=(1, 1), attention_depths=(0, 0), num_classes=5)
    else:
        network = ConvEfficientMod(dims=(8, 16), depths=(1, 1), norm=norm, num_classes=5)
    fill_parameters(network)
    return network


def batches(count: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(16, 3, SIZE, SIZE, generator=generator) for _ in range(count)]


def given_by(network: nn.Module, images: list[Tensor]) -> dict[str, Tensor]:
    """What each layer gives, its norm behind it included, by channel: (images and pixels, channels)."""
    found: dict[str, list[Tensor]] = {}

    def noting(name: str, axis: int) -> Iterator[object]:
        layer = network.get_submodule(name)

        def note(_: nn.Module, __: object, y: Tensor) -> None:
            found.setdefault(name, []).append(y.movedim(axis, -1).flatten(0, -2))

        yield layer.register_forward_hook(note)

    names = [(layer.name, -1 if isinstance(layer.module, nn.Linear) else 1) for layer in layers_of(network, SIZE)]
    hooks = [hook for name, axis in names for hook in noting(name, axis)]
    with torch.no_grad():
        for x in images:
            network(x)
    for hook in hooks:
        hook.remove()  # type: ignore[attr-defined]
    return {name: torch.cat(values) for name, values in found.items()}


def test_a_student_begins_with_its_teachers_weights_and_the_spread_of_its_channels() -> None:
    teacher, images = teacher_of(), batches()
    student = batch_normed(teacher, SIZE).eval()
    ln_to_bn.start_from(student, teacher, images, image_size=SIZE)
    assert torch.equal(student.get_parameter("head.weight"), teacher.get_parameter("head.weight"))
    ours, theirs = given_by(student, images), given_by(teacher, images)
    for name in [name for name in theirs if name != "head"]:
        scale = theirs[name].std(0, correction=0)
        assert ((ours[name].mean(0) - theirs[name].mean(0)).abs() / scale).max() < 0.1, name
        assert (ours[name].std(0, correction=0) / scale - 1).abs().max() < 0.1, name


def test_it_is_left_in_the_mode_and_with_the_momentum_that_it_had() -> None:
    teacher = teacher_of()
    student = batch_normed(teacher, SIZE).train()
    ln_to_bn.start_from(student, teacher, batches(1), image_size=SIZE)
    norms = [module for module in student.modules() if isinstance(module, nn.BatchNorm2d)]
    assert student.training
    assert {(norm.training, norm.momentum) for norm in norms} == {(True, 0.1)}


def test_a_student_with_other_names_begins_as_well_as_one_with_the_same() -> None:
    teacher, images = teacher_of(Norm.LAYER), batches()
    students = [batch_normed(teacher, SIZE).eval(), teacher_of(Norm.BATCH).eval()]
    scores = []
    for student in students:
        ln_to_bn.start_from(student, teacher, images, image_size=SIZE)
        with torch.no_grad():
            scores.append(student(images[0]))
    assert (scores[0] - scores[1]).abs().max() < 1e-3 * scores[0].abs().max()


def test_one_with_other_layers_is_refused() -> None:
    student = batch_normed(EfficientMod(dims=(8, 24), depths=(1, 1), attention_depths=(0, 0)), SIZE)
    with pytest.raises(BatchNormError, match="has other layers than its teacher, 13 and 13 of them"):
        ln_to_bn.start_from(student, teacher_of(), batches(1), image_size=SIZE)


def test_the_stages_of_both_are_compared_but_not_norms_nor_the_classifier() -> None:
    teacher = teacher_of()
    assert ln_to_bn.common_stages(batch_normed(teacher, SIZE), teacher, image_size=SIZE) == (
        "patch_embed",
        "layers.0",
        "layers.1",
    )


def task_of(weight: float) -> ln_to_bn.FeatureDistillationTask:
    teacher = teacher_of()
    recipe = unmixed(weight)
    student = batch_normed(teacher, SIZE)
    ln_to_bn.start_from(student, teacher, batches(1), image_size=SIZE)
    task = ln_to_bn.distillation(student, teacher, recipe, preprocessing=Preprocessing(), image_size=SIZE, device=CPU)
    assert isinstance(task, ln_to_bn.FeatureDistillationTask)
    return task.train()


def unmixed(weight: float) -> Recipe:
    recipe = recipe_of(ln_to_bn.RECIPE, "efficientmod").recipe
    mixing = msgspec.structs.replace(recipe.mixing, mixup_alpha=0.0, cutmix_alpha=0.0)
    return msgspec.structs.replace(recipe, mixing=mixing, features=Features(weight=weight))


def test_the_loss_is_of_labels_probabilities_and_stages() -> None:
    task, x = task_of(weight=3.0), batches(1)[0]
    found = task(x, torch.arange(16) % 5)
    known = 0.1 * found["task_loss"] + 0.9 * found["kd_loss"] + 3 * found["feature_loss"]
    assert torch.allclose(found["loss"], known)
    assert found["feature_loss"] > 0
    found["loss"].backward()
    assert all(parameter.grad is None for parameter in task.teacher.parameters())


def test_a_student_that_gives_what_its_teacher_gives_is_at_no_distance_from_it() -> None:
    teacher = teacher_of()
    task = ln_to_bn.FeatureDistillationTask(
        _with_normalization(teacher_of()),
        _with_normalization(teacher),
        stages=("patch_embed", "layers.1"),
        feature_weight=1.0,
        verbose=False,
    ).eval()
    with torch.no_grad():
        found = task(batches(1)[0], torch.arange(16) % 5)
    assert float(found["feature_loss"]) == 0.0
    assert abs(float(found["kd_loss"])) < 1e-6


def _with_normalization(network: nn.Module) -> nn.Module:
    network.pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}  # type: ignore[assignment]
    return network


def test_its_recipe_says_of_each_value_of_its_own_that_it_is_not_the_papers() -> None:
    sourced = recipe_of(ln_to_bn.RECIPE, "efficientmod")
    assert sourced.recipe.schedule.epochs == 30
    base = recipe_of("efficientmod", "efficientmod")
    own = {name for name, source in sourced.sources.items() if source.startswith("ours")}
    assert {"optimizer.lr", "schedule.num_epochs", "features.weight"} < own
    assert all(sourced.sources[name] == base.sources[name] for name in base.sources if name not in own)
