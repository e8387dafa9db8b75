"""LN -> BN by its own teacher: a network of BatchNorms begins as the one of LayerNorms, and learns from it.

It begins with that one's weights. What a layer gives, W x + b, a LayerNorm before it no longer scales image by image,
but of each channel it can have the same average and spread: the BatchNorm behind it gets the statistics of its layer
on some images for its own, and those of the teacher's layer on them for its weight and bias,

    BN(z) = std_T (z - mean_S) / sqrt(var_S + eps) + mean_T

Then it learns the labels, the teacher's probabilities, and what the teacher's stages give:

    loss = (1 - a) CE + a KL + w mean over stages of |S - T|^2 / |T|^2
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import torch
from timm.task import DistillationTeacher, LogitDistillationTask
from timm.utils import unwrap_model
from torch import Tensor, nn

from models.training.recipe import Recipe
from models.training.tasks import Task, criterion
from models.zoo.batch_normed import NAME, Layer, layers_of
from models.zoo.complexity import count
from models.zoo.errors import BatchNormError
from models.zoo.spec import Preprocessing

RECIPE = NAME
"""Of LN -> BN, where a user gives none."""

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def start_from(student: nn.Module, teacher: nn.Module, batches: Iterable[Tensor], *, image_size: int) -> None:
    """Give a network of BatchNorms the weights of the one of LayerNorms, and statistics of images.

    Args:
        student: as `batch_normed` makes it of the teacher, or a network of the same layers under other names.
        teacher: in eval mode.
        batches: images as they are in training, each of several.

    Raises:
        BatchNormError: the student has other layers than its teacher.
    """
    pairs = check_layers(student, teacher, image_size=image_size)
    ours = student.state_dict()
    same = {name: x for name, x in teacher.state_dict().items() if name in ours and x.shape == ours[name].shape}
    student.load_state_dict(same, strict=False)
    new: list[tuple[_BATCH_NORM, _Moments]] = []
    for layer, other in pairs:
        for name, own in layer.module.named_parameters(recurse=False):  # before a BatchNorm a bias may be left out
            own.copy_(other.module.get_parameter(name))
        if isinstance(layer.norm, _BATCH_NORM) and other.norm is None:
            new.append((layer.norm, _Moments(other.module)))
    batches = list(batches)
    with _hooked((moments.layer, moments.add) for _, moments in new):
        for x in batches:
            teacher(x)
    for norm, moments in new:
        mean, var = moments.mean_and_var()
        norm.weight.copy_(var.sqrt().float())
        norm.bias.copy_(mean.float())
    _calibrate(student, batches)


def check_layers(student: nn.Module, teacher: nn.Module, *, image_size: int) -> list[tuple[Layer, Layer]]:
    """Each layer of a network with the one of its teacher that it begins as.

    Raises:
        BatchNormError: the student has other layers than its teacher.
    """
    ours, theirs = (layers_of(network, image_size) for network in (student, teacher))
    if [_shape(layer) for layer in ours] != [_shape(layer) for layer in theirs]:
        raise BatchNormError(
            f"the network has other layers than its teacher, {len(ours)} and {len(theirs)} of them, and each is to "
            "begin as one of the teacher's; name the network of LayerNorms that it was made of"
        )
    return list(zip(ours, theirs, strict=True))


def _shape(layer: Layer) -> tuple[int, ...]:
    assert isinstance(layer.module.weight, Tensor)
    return tuple(layer.module.weight.shape)


class _Moments:
    """Average and variance of each channel of what a layer gives, over batches."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.axis = -1 if isinstance(layer, nn.Linear) else 1
        self.count = 0
        self.sums: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, _: nn.Module, __: Any, output: Tensor) -> None:
        channels = output.movedim(self.axis, -1).flatten(0, -2).float().cpu().double()  # which Metal has not
        self.count += len(channels)
        self.sums = self.sums + channels.sum(0)
        self.squares = self.squares + channels.square().sum(0)

    def mean_and_var(self) -> tuple[Tensor, Tensor]:
        mean, square = torch.as_tensor(self.sums / self.count), torch.as_tensor(self.squares / self.count)
        return mean, (square - mean.square()).clamp(min=0)


def _calibrate(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Give each BatchNorm the statistics of images, its mode and momentum as they were."""
    norms = [module for module in network.modules() if isinstance(module, _BATCH_NORM)]
    before = [(norm.momentum, norm.training) for norm in norms]
    trains = network.training
    network.eval()  # or dropout and stochastic depth would have a part in the statistics
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
        norm.train()
    for x in batches:
        network(x)
    network.train(trains)
    for norm, (momentum, was_training) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.train(was_training)


@contextmanager
def _hooked(hooks: Iterable[tuple[nn.Module, Callable[..., None]]]) -> Iterator[None]:
    with ExitStack() as stack:
        for module, hook in hooks:
            stack.callback(module.register_forward_hook(hook).remove)
        yield


def common_stages(student: nn.Module, teacher: nn.Module, *, image_size: int) -> tuple[str, ...]:
    """The stages that a network of LayerNorms and the one of BatchNorms that learns from it have, by their modules.

    The classifier is none of them, nor is a norm.
    """
    theirs = {stage.name: stage for stage in count(teacher, image_size).stages}
    skipped = {layer.name for layer in layers_of(teacher, image_size) if layer.is_classifier}
    return tuple(
        stage.name
        for stage in count(student, image_size).stages
        if stage.params
        and stage.name not in skipped
        and stage.name in theirs
        and theirs[stage.name].output_shape == stage.output_shape
    )


class FeatureDistillationTask(LogitDistillationTask):
    """timm's distillation, and the distance of the stages from the teacher's, relative to how large those are.

    Its forward gives {"loss", "output", "task_loss", "kd_loss", "feature_loss"}. Teacher and student take the same
    images.

    Args:
        stages: paths of modules that both networks have, which give tensors of one shape.
        feature_weight: of their mean distance in the loss.
        options: as timm's task takes them.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        *,
        stages: Sequence[str],
        feature_weight: float,
        **options: Any,
    ) -> None:
        super().__init__(student, DistillationTeacher(teacher), **options)
        self.stages = tuple(stages)
        self.feature_weight = feature_weight

    def forward(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        ours: dict[str, Tensor] = {}
        theirs: dict[str, Tensor] = {}
        student, teacher = unwrap_model(self.trainable_module), self.teacher.model
        with _hooked([*self._noting(student, ours), *self._noting(teacher, theirs)]):
            result: dict[str, Tensor] = super().forward(x, target)
        distances = [_relative_distance(ours[name], theirs[name]) for name in self.stages]
        result["feature_loss"] = torch.stack(distances).mean() if distances else result["loss"].new_zeros(())
        result["loss"] = result["loss"] + self.feature_weight * result["feature_loss"]
        return result

    def _noting(self, network: nn.Module, into: dict[str, Tensor]) -> Iterator[tuple[nn.Module, Callable[..., None]]]:
        for name in self.stages:

            def note(_: nn.Module, __: Any, output: Tensor, name: str = name) -> None:
                into[name] = output

            yield network.get_submodule(name), note


def _relative_distance(x: Tensor, other: Tensor) -> Tensor:
    x, other = x.float(), other.detach().float()  # float16 holds no squares
    return (x - other).square().mean() / other.square().mean().clamp(min=1e-12)


def distillation(
    student: nn.Module,
    teacher: nn.Module,
    recipe: Recipe,
    *,
    preprocessing: Preprocessing,
    image_size: int,
    device: torch.device,
) -> Task:
    """What a network of BatchNorms learns from the one of LayerNorms, by a recipe."""
    for each in (student, teacher):
        each.pretrained_cfg = {"mean": preprocessing.mean, "std": preprocessing.std}  # type: ignore[assignment]
    task = FeatureDistillationTask(
        student,
        teacher.requires_grad_(False),
        stages=common_stages(student, teacher, image_size=image_size),
        feature_weight=recipe.features.weight,
        criterion_kwargs=criterion(recipe),
        **msgspec.structs.asdict(recipe.distillation),
        device=device,
        verbose=False,
    )
    return task.to(device)


def networks_of(task: Task) -> tuple[nn.Module, nn.Module]:
    """The network that learns, and the one that it learns from."""
    assert isinstance(task, FeatureDistillationTask)
    return task.trainable_module, task.teacher.model
