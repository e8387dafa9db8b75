"""Which network a checkpoint is of, where it says so: one that `effmod train` has written does."""

import warnings
from pathlib import Path

import msgspec

from models.zoo import named
from models.zoo.spec import TIMM_PREFIX, is_function


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which network a checkpoint is of.

    Attributes:
        name: in the zoo, or `timm:NAME`, or `path/to/file.py:function`.
        image_size: that it was trained at.
        classes: their names, in the order of the outputs; empty where nobody knows them.
        rewrites: what was done to the network before it was trained, by the names of `exporters.rewrites`.
    """

    name: str
    num_classes: int
    image_size: int
    classes: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The name by which a command is told of it: the checkpoint says how many classes it has."""
        return without_classes(self.name)

    def is_of(self, name: str) -> bool:
        """Whether it is that network, whatever its number of classes, and wherever a function's file lies."""
        return _bare(self.name) == _bare(name)


def without_classes(name: str) -> str:
    """A network's name without its number of classes."""
    asked = named.read(name)
    return str(named.Named(base=asked.base, arguments={k: v for k, v in asked.arguments.items() if k != "num_classes"}))


def base_of(name: str) -> str:
    """A network's name alone, without arguments, the folder of a function's file, or the tag of timm's weights."""
    base = named.split(name)[0]
    if is_function(base):
        return Path(base).name
    return base.partition(".")[0] if base.startswith(TIMM_PREFIX) else base


def identity_of(path: Path) -> Identity | None:
    """Which network a checkpoint says that it is of; None where it says nothing, or cannot be read."""
    import torch  # here, so that listing the zoo does not wait for it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a file of another kind makes torch say
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return msgspec.convert(content["identity"], Identity)
    except Exception:  # fed a stranger's bytes, a parser may raise anything; loading the weights says what is wrong
        return None


def _bare(name: str) -> str:
    base, arguments = named.split(without_classes(name))
    return (Path(base).name if is_function(base) else base) + arguments
