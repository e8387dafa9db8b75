"""The zoo: networks, their specs, their parameters and multiply-adds, their weights.

Importing this package imports no torch; what needs it is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from models.registry import (
    ImageSizeError,
    ModelTargetError,
    PluginError,
    UnknownModelError,
    check_image_size,
    classes_of,
    create_model,
    family,
    find_model,
    list_models,
    list_tables,
    merged_branches,
    reparameterize,
)
from models.spec import Complexity, Family, Form, ModelSpec, Preprocessing, StageComplexity, Weights, WeightsSource

if TYPE_CHECKING:
    from models.complexity import count
    from models.weights import CheckpointError, create_filled, create_pretrained, fill, load_checkpoint

__all__ = [
    "CheckpointError",
    "Complexity",
    "Family",
    "Form",
    "ImageSizeError",
    "ModelSpec",
    "ModelTargetError",
    "PluginError",
    "Preprocessing",
    "StageComplexity",
    "UnknownModelError",
    "Weights",
    "WeightsSource",
    "check_image_size",
    "classes_of",
    "count",
    "create_filled",
    "create_model",
    "create_pretrained",
    "family",
    "fill",
    "find_model",
    "list_models",
    "list_tables",
    "load_checkpoint",
    "merged_branches",
    "reparameterize",
]

_NEEDS_TORCH = {
    "CheckpointError": "models.weights",
    "count": "models.complexity",
    "create_filled": "models.weights",
    "create_pretrained": "models.weights",
    "fill": "models.weights",
    "load_checkpoint": "models.weights",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_NEEDS_TORCH[name]), name)
