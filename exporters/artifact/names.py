"""What a file is called: what is not the default is in its name."""

import re
from collections.abc import Iterator
from pathlib import Path

from exporters.config import (
    DEFAULT_OPSET,
    DEFAULT_PRECISION,
    Compression,
    CoreMLConfig,
    DeploymentTarget,
    ExportConfig,
    InputKind,
    OnnxConfig,
)
from exporters.rewrites import AUTO, default_rewrites


def form_of(config: ExportConfig, *, rewritten: bool) -> str:
    """The form of a network in a file: "plain", "rewritten", "plain+float16" where that is not the format's default.

    Args:
        rewritten: whether the rewrites asked for were applied; `auto` may leave a network plain.
    """
    form = _rewritten(config) if rewritten else "plain"
    return form if _is_default_precision(config) else f"{form}+{config.compute_precision}"


def _rewritten(config: ExportConfig) -> str:
    """What rewrites make of a network: "plain" after none, "rewritten" after all that suit the format."""
    if not config.rewrites:
        return "plain"
    return "rewritten" if config.rewrites == AUTO[config.format] else "+".join(config.rewrites)


def _is_default_precision(config: ExportConfig) -> bool:
    return config.compute_precision is DEFAULT_PRECISION[config.format]


def public_name(model: str) -> str:
    """A network's name without the folder that a network of the user's own, `path/to/file.py:function`, lies in."""
    return Path(model).name


def file_name(model: str, config: ExportConfig, default_image_size: int) -> str:
    """A name that tells artifacts of one network apart: what is not the default is in it."""
    parts = name_parts(model, config.image_size, default_image_size)
    match config:
        case OnnxConfig():
            return "-".join([*parts, *_onnx_parts(config)]) + ".onnx"
        case CoreMLConfig():
            name = "-".join([*parts, *_coreml_parts(config)])
            return (_swift_class_name(name) if config.modelbench else name) + ".mlpackage"


def name_parts(model: str, image_size: int, default_image_size: int) -> list[str]:
    """What the name of a network's file begins with, whatever its format."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", public_name(model))
    return [name] if image_size == default_image_size else [name, f"{image_size}px"]


def _onnx_parts(config: OnnxConfig) -> Iterator[str]:
    if config.dynamic_batch:
        yield "dynamic"
    elif config.batch_size != 1:
        yield f"b{config.batch_size}"
    if config.opset != DEFAULT_OPSET:
        yield f"opset{config.opset}"
    if not config.simplify:
        yield "unsimplified"
    if config.rewrites != default_rewrites(config.format, config.compute_precision, dynamic_batch=config.dynamic_batch):
        yield _rewritten(config)
    if not _is_default_precision(config):
        yield config.compute_precision


def _coreml_parts(config: CoreMLConfig) -> Iterator[str]:
    if config.rewrites != AUTO[config.format]:
        yield _rewritten(config)
    if config.batch_size != 1:
        yield f"b{config.batch_size}"
    if config.target is not DeploymentTarget.IOS16 and not config.modelbench:
        yield config.target
    if not _is_default_precision(config):
        yield config.compute_precision
    if config.input is not InputKind.IMAGE:
        yield config.input
    if config.softmax:
        yield "softmax"
    if config.labels is not None:
        yield "classifier"
    if config.compress is not Compression.NONE:
        yield config.compress
    if config.modelbench:
        yield "modelbench"


def _swift_class_name(name: str) -> str:
    """Xcode names a model's class after its file: letters, digits and underscores, and no digit first."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"Model_{name}" if name[0].isdigit() else name
