"""`NAME_bn`: a network without its LayerNorms, to be trained, and whether it learns from the one that has them."""

from itertools import islice

import msgspec
import torch
import torch.distributed
from torch import nn

from effmod_bench.targets.names import find_network
from models import ModelSpec, UnknownModelError
from models.training.data import Batches
from models.training.ln_to_bn import start_from
from models.training.loop import Run
from models.zoo.batch_normed import NAME
from models.zoo.identity import base_of
from models.zoo.named import split

SUFFIX = "_bn"
_IMAGES = 1024
"""To take statistics of, at least, by each process."""


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """What is trained.

    Attributes:
        spec: the network that the zoo has, or the user.
        rewrites: what is done to it before; nothing where it is trained as it is.
    """

    spec: ModelSpec
    rewrites: tuple[str, ...] = ()

    def learns_from_layer_norms(self, teacher: ModelSpec) -> bool:
        """Whether this teacher is the same network with LayerNorms."""
        return base_of(self.spec.name) == base_of(teacher.name) + ("" if self.rewrites else SUFFIX)


def find_student(name: str, *, image_size: int | None) -> Student:
    """The network that a name stands for: as it is, or, of a name that ends in _bn and is none, without LayerNorms.

    Raises:
        TargetError, UnknownModelError, UnfinishedError: as `find_network`.
    """
    base, arguments = split(name)
    try:
        return Student(spec=find_network(name, image_size=image_size))
    except UnknownModelError as error:
        if not base.endswith(SUFFIX):
            raise
        try:
            spec = find_network(base.removesuffix(SUFFIX) + arguments, image_size=image_size)
        except UnknownModelError:
            raise error from None
        return Student(spec=spec, rewrites=(NAME,))


def start(student: nn.Module, teacher: nn.Module, images: Batches, run: Run) -> None:
    """Begin as the teacher, with statistics of the first images of an epoch; of several processes, of the first's.

    Raises:
        BatchNormError: the networks have other layers.
        TrainingDataError: an image cannot be read.
    """
    found: list[torch.Tensor] = []
    for x, _ in islice(images.of_epoch(0), len(images)):
        found.append(x.to(run.device))
        if sum(map(len, found)) >= _IMAGES:
            break
    start_from(student, teacher, found, image_size=run.identity.image_size)
    if run.world.size > 1:
        for tensor in student.state_dict().values():
            torch.distributed.broadcast(tensor, 0)
