"""What a file is called: what is not the default is in its name."""

import hashlib
import re
from pathlib import Path

from exporters.config import DEFAULT_OPSET, DEFAULT_PRECISION, ExportConfig, FastOn, OnnxConfig
from exporters.rewrites import AUTO
from models.zoo.named import split

_LONGEST = 80


def form_of(config: ExportConfig, *, rewritten: bool) -> str:
    """The form of a network in a file: "plain", "rewritten", "plain+float16" where that is not the format's default.

    Args:
        rewritten: whether the rewrites asked for were applied; `auto` may leave a network plain.
    """
    form = rewrites_in_name(config) if rewritten else "plain"
    return form if is_default_precision(config) else f"{form}+{config.compute_precision}"


def fast_on(config: ExportConfig, *, rewritten: bool) -> tuple[FastOn, ...]:
    """The runtimes that an ONNX file's form is for: on which it is the faster one on the whole, on x86 processors.

    ONNX Runtime wants maps in its blocked layout, which the rewrites are for. OpenVINO wants the products as the plain
    file has them: with the rewritten one seven of nine networks were up to 12 % slower, two less than 1 % faster.
    Nothing is known of float16, of an open batch, of rewrites by name, and of what is not the default otherwise.

    Args:
        rewritten: as of `form_of`.
    """
    if not isinstance(config, OnnxConfig) or config.dynamic_batch or not is_default_precision(config):
        return ()
    if config.opset != DEFAULT_OPSET or not config.simplify:
        return ()
    if not config.rewrites:
        return (FastOn.OPENVINO,)
    if config.rewrites != AUTO[config.format]:
        return ()
    return (FastOn.ONNXRUNTIME,) if rewritten else (FastOn.ONNXRUNTIME, FastOn.OPENVINO)


def rewrites_in_name(config: ExportConfig) -> str:
    """What rewrites make of a network: "plain" after none, "rewritten" after all that suit the format."""
    if not config.rewrites:
        return "plain"
    return "rewritten" if config.rewrites == AUTO[config.format] else "+".join(config.rewrites)


def is_default_precision(config: ExportConfig) -> bool:
    return config.compute_precision is DEFAULT_PRECISION[config.format]


def public_name(model: str) -> str:
    """A network's name without the folder that a network of the user's own, `path/to/file.py:function`, lies in."""
    base, arguments = split(model)
    return Path(base).name + arguments


def name_parts(model: str, image_size: int, default_image_size: int) -> list[str]:
    """What the name of a network's file begins with, whatever its format."""
    base, arguments = split(public_name(model))
    parts = [re.sub(r"[^A-Za-z0-9._-]+", "-", base)]
    if arguments:
        parts.append(_in_file_name(arguments))
    return parts if image_size == default_image_size else [*parts, f"{image_size}px"]


def _in_file_name(arguments: str) -> str:
    """Such as "depth=6,width=48", and of what no file's name can hold a short hash: other arguments, another name."""
    written = arguments[1:-1].replace(", ", ",")
    name = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", re.sub(r"[][(){}'\" ]", "", written))
    name = re.sub(r",{2,}", ",", name).strip(",")
    if name == written and len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(arguments.encode(errors='surrogatepass')).hexdigest()[:7]}"
