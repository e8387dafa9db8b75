"""ONNX as `exporters.formats` knows it. Imports of this module import neither torch nor onnx."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.artifact.exported import Exported, ExportJob, MeasureParity
from exporters.artifact.hashes import sha256_of
from exporters.artifact.names import is_default_precision, rewrites_in_name
from exporters.artifact.sidecar import TensorSpec
from exporters.artifact.versions import NETWORK
from exporters.config import DEFAULT_OPSET, OnnxConfig
from exporters.errors import ExportError
from exporters.rewrites import default_rewrites
from models import Preprocessing

if TYPE_CHECKING:
    from torch import nn

    from exporters.artifact.evaluator import Origin
    from exporters.onnx.evaluator import OnnxEvaluator

SUFFIX = ".onnx"
IS_FOLDER = False
MAKERS: tuple[str, ...] = (*NETWORK, "onnx", "onnxscript", "onnxsim")


def check_available(config: OnnxConfig) -> None:
    """Refuse an opset that nobody knows yet, before the minute that an export takes.

    Raises:
        ExportError: it is one.
    """
    if config.opset == DEFAULT_OPSET:
        return
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if config.opset > newest:
        raise ExportError(
            f"onnx {onnx.__version__} knows opsets up to {newest}, not {config.opset}; leave --opset out for "
            f"{DEFAULT_OPSET}"
        )


def file_name(parts: Sequence[str], config: OnnxConfig) -> str:
    return "-".join([*parts, *_marks(config)]) + SUFFIX


def _marks(config: OnnxConfig) -> Iterator[str]:
    if config.dynamic_batch:
        yield "dynamic"
    elif config.batch_size != 1:
        yield f"b{config.batch_size}"
    if config.opset != DEFAULT_OPSET:
        yield f"opset{config.opset}"
    if not config.simplify:
        yield "unsimplified"
    if config.rewrites != default_rewrites(config.format, config.compute_precision, dynamic_batch=config.dynamic_batch):
        yield rewrites_in_name(config)
    if not is_default_precision(config):
        yield config.compute_precision


def export(job: ExportJob[OnnxConfig], path: Path, measure_parity: MeasureParity[OnnxConfig]) -> Exported:
    from exporters.onnx.channels import unaligned_channels
    from exporters.onnx.export import export
    from exporters.onnx.graph import read_graph

    parity, simplified, modules = export(
        job.network,
        path,
        job.config,
        job.spec.preprocessing,
        reference=job.reference,
        name=job.spec.name,
        outputs=job.outputs,
        measure_parity=measure_parity,
    )
    unaligned = unaligned_channels(read_graph(path))
    return Exported(
        parity=parity,
        simplified=simplified,
        opset=job.config.opset,
        unaligned_channels=unaligned,
        modules=modules,
    )


def origin(
    network: "nn.Module",
    config: OnnxConfig,
    preprocessing: Preprocessing,
    outputs: tuple[str, ...],
    *,
    with_program: bool,
) -> "Origin":
    from exporters.artifact.evaluator import Origin
    from exporters.onnx.export import float32_program

    if not with_program:
        return Origin(network=network)
    program = float32_program(network, config, channels=preprocessing.channels, outputs=outputs)
    return Origin(network=network, program=program)


def read_tensors(path: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    from exporters.onnx.graph import read_graph, read_tensors

    return read_tensors(read_graph(path))


def sha256(path: Path) -> str:
    return sha256_of(path)


def open_evaluator(path: Path) -> "OnnxEvaluator":
    from exporters.onnx.evaluator import open_onnx

    return open_onnx(path)


def count_operators(path: Path) -> Counter[str]:
    from exporters.onnx.graph import read_graph

    return Counter(node.op_type for node in read_graph(path).graph.node if node.op_type != "Constant")
