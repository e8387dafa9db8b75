"""What a format is handed to make a file of, and what it gives back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from exporters.artifact.sidecar import Parity
from exporters.config import ExportConfig
from exporters.rewrites import RewriteReport
from models import ModelSpec, Preprocessing, Weights

if TYPE_CHECKING:
    from torch import nn

    from exporters.artifact.evaluator import Origin

Config = TypeVar("Config", bound=ExportConfig)

MeasureParity = Callable[["nn.Module", Path, Config, Preprocessing, "Origin"], Parity]
"""Compares a new file or package with its network, and what it was made of; raises `ParityError` where they differ."""


class ExportJob(msgspec.Struct, Generic[Config], frozen=True, kw_only=True):
    """A network on its way into a file.

    Attributes:
        network: as it is exported, in eval mode.
        reference: what the file is compared with: the network itself, or what it is a rewriting of.
        outputs: the names of what it gives.
        rewrites: what was done to it.
        versions: of everything that has a hand in the file.
    """

    spec: ModelSpec
    config: Config
    network: "nn.Module"
    reference: "nn.Module"
    outputs: tuple[str, ...]
    weights: Weights
    rewrites: tuple[RewriteReport, ...]
    versions: dict[str, str]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What the sidecar of a new file says that only its format knows; the attributes are those of `Artifact`."""

    parity: Parity
    simplified: bool | None = None
    opset: int | None = None
    specification_version: int | None = None
    unaligned_channels: tuple[int, ...] = ()
    modules: dict[str, tuple[str, ...]] = {}
