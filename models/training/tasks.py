"""What is minimized: the labels' loss, or that and the distance from a teacher, as timm's tasks have them."""

from typing import Any, TypeAlias

import msgspec
import torch
from timm.task import ClassificationTask, DistillationTeacher, LogitDistillationTask, TrainingTask
from torch import nn

from models.training.recipe import Recipe
from models.zoo.spec import Preprocessing

Task: TypeAlias = TrainingTask


def classification(network: nn.Module, recipe: Recipe, *, device: torch.device) -> Task:
    """Cross-entropy with the labels, smoothed, and mixed as the images are."""
    task = ClassificationTask(network, criterion_kwargs=criterion(recipe), device=device, verbose=False)
    return task.to(device)


def distillation(
    network: nn.Module,
    teacher: nn.Module,
    recipe: Recipe,
    *,
    preprocessing: Preprocessing,
    teacher_preprocessing: Preprocessing,
    device: torch.device,
) -> Task:
    """The same, and Kullback and Leibler's divergence from the teacher's probabilities (soft, as the authors have it).

    Args:
        preprocessing: of the images that come; the teacher is given them as its own has them.
    """
    for each, theirs in ((network, preprocessing), (teacher, teacher_preprocessing)):
        each.pretrained_cfg = {"mean": theirs.mean, "std": theirs.std}  # type: ignore[assignment] # as timm's have it
    task = LogitDistillationTask(
        network,
        DistillationTeacher(teacher.requires_grad_(False)),
        criterion_kwargs=criterion(recipe),
        **msgspec.structs.asdict(recipe.distillation),
        device=device,
        verbose=False,
    )
    return task.to(device)


def criterion(recipe: Recipe) -> dict[str, Any]:
    """Mixed labels are smoothed where they are mixed."""
    return {"smoothing": recipe.mixing.label_smoothing, "soft_targets": recipe.mixing.is_on}
