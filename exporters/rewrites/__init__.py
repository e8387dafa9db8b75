"""Rewrites: a network in a form that a device runs better, and a report of what was changed and what was not.

Importing this package imports no torch; what needs it is imported when it is first used.
"""

from typing import TYPE_CHECKING

from exporters.errors import RewriteError
from exporters.rewrites.base import (
    AUTO,
    DECISIVE,
    EXACT,
    NAMES,
    RETRAIN,
    Equivalence,
    Rewrite,
    RewriteReport,
    default_rewrites,
)
from models.zoo.late import imported_late

if TYPE_CHECKING:
    from exporters.rewrites.channel_norm import register_with_coremltools
    from exporters.rewrites.image_scale import fold_image_scale
    from exporters.rewrites.registry import REWRITES, apply

__all__ = [
    "AUTO",
    "DECISIVE",
    "EXACT",
    "NAMES",
    "RETRAIN",
    "REWRITES",
    "Equivalence",
    "Rewrite",
    "RewriteError",
    "RewriteReport",
    "apply",
    "default_rewrites",
    "fold_image_scale",
    "register_with_coremltools",
]

__getattr__ = imported_late(
    __name__,
    {
        "REWRITES": "exporters.rewrites.registry",
        "apply": "exporters.rewrites.registry",
        "fold_image_scale": "exporters.rewrites.image_scale",
        "register_with_coremltools": "exporters.rewrites.channel_norm",
    },
)
