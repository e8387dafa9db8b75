"""Rewrites: a network in a form that a device runs better, and a report of what was changed and what was not.

Importing this package imports no torch; what needs it is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from exporters.errors import RewriteError
from exporters.rewrites.base import (
    AUTO,
    DECISIVE,
    EXACT,
    RETRAIN,
    Equivalence,
    Rewrite,
    RewriteReport,
    default_rewrites,
)

if TYPE_CHECKING:
    from exporters.rewrites.channel_norm import register_with_coremltools
    from exporters.rewrites.image_scale import fold_image_scale
    from exporters.rewrites.registry import REWRITES, apply

__all__ = [
    "AUTO",
    "DECISIVE",
    "EXACT",
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

_NEEDS_TORCH = {
    "REWRITES": "exporters.rewrites.registry",
    "apply": "exporters.rewrites.registry",
    "fold_image_scale": "exporters.rewrites.image_scale",
    "register_with_coremltools": "exporters.rewrites.channel_norm",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_NEEDS_TORCH[name]), name)
