"""The zoo: networks, their specs, their parameters and multiply-adds, their weights.

Importing this package imports no torch; what needs it is imported when it is first used.
"""

from typing import TYPE_CHECKING

from models.privacy import silence
from models.zoo.build import create_model, merged_branches, reparameterize
from models.zoo.errors import (
    BatchNormError,
    CheckpointError,
    ContextMapError,
    ImageFileError,
    ImageSizeError,
    ModelTargetError,
    PluginError,
    UnknownModelError,
)
from models.zoo.find import find_model
from models.zoo.late import imported_late
from models.zoo.registry import check_image_size, classes_of, family, list_models, list_tables, tables_in_words
from models.zoo.spec import (
    Complexity,
    Family,
    Form,
    ModelSpec,
    Preprocessing,
    StageComplexity,
    Weights,
    WeightsSource,
    is_function,
)

if TYPE_CHECKING:
    from models.zoo.checkpoint import load_checkpoint
    from models.zoo.complexity import count
    from models.zoo.weights import create_filled, create_own, create_pretrained, fill

__all__ = [
    "BatchNormError",
    "CheckpointError",
    "Complexity",
    "ContextMapError",
    "Family",
    "Form",
    "ImageFileError",
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
    "create_own",
    "create_pretrained",
    "family",
    "fill",
    "find_model",
    "is_function",
    "list_models",
    "list_tables",
    "load_checkpoint",
    "merged_branches",
    "reparameterize",
    "tables_in_words",
]

silence()

__getattr__ = imported_late(
    __name__,
    {
        "count": "models.zoo.complexity",
        "create_filled": "models.zoo.weights",
        "create_own": "models.zoo.weights",
        "create_pretrained": "models.zoo.weights",
        "fill": "models.zoo.weights",
        "load_checkpoint": "models.zoo.checkpoint",
    },
)
