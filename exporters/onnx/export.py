"""Network to ONNX: torch's exporter, the checker, onnxsim, and the proof that nothing changed."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import onnx
import torch
from torch import nn

from exporters.artifact.evaluator import Origin
from exporters.artifact.exported import MeasureParity
from exporters.artifact.sidecar import Parity
from exporters.config import DEFAULT_OPSET, ComputePrecision, OnnxConfig
from exporters.errors import ExportError, ParityError
from exporters.onnx import float16 as onnx_float16
from exporters.onnx.evaluator import OnnxEvaluator
from exporters.onnx.graph import INPUT, OUTPUT, opset_of
from exporters.quiet import quiet
from models import Preprocessing
from models.zoo.words import first_line


def export(
    model: nn.Module,
    path: Path,
    config: OnnxConfig,
    preprocessing: Preprocessing,
    *,
    reference: nn.Module | None = None,
    measure_parity: MeasureParity[OnnxConfig],
) -> tuple[Parity, bool | None]:
    """Write a network to one ONNX file, weights inside, and prove it equal to the network.

    A float16 file is made of the float32 one that was proved. It is proved to be the rounding of that one; how far
    rounding takes it from the network is measured, and not judged.

    Args:
        model: in eval mode; input (N, 3, H, W), output (N, classes).
        path: the file to write.
        reference: the network that the file is compared with, where `model` is a rewriting of it.
        measure_parity: the proof.

    Returns:
        The parity of the file, and whether it is the simplified one (None where that was not asked).

    Raises:
        ExportError: torch cannot export the network, or wrote another opset than was asked.
        ParityError: the file computes something else, or in float16 NaN, infinity, or nothing that follows the image.
    """
    if config.simplify:
        import onnxsim  # noqa: F401 - where it is missing, that is said before the minutes that exporting takes
    reference = reference or model
    _write(model, path, config, type(reference).__name__)
    exact = msgspec.structs.replace(config, compute_precision=ComputePrecision.FLOAT32)
    origin = Origin(network=model)

    def measure(file: Path) -> Parity:
        return measure_parity(reference, file, exact, preprocessing, origin)

    parity = _simplify(path, measure) if config.simplify else None
    # Where that changed the outputs, the file is right without it, and the sidecar says that it is not simplified.
    simplified = parity is not None if config.simplify else None
    parity = parity or measure(path)
    if config.compute_precision is ComputePrecision.FLOAT16:
        origin = msgspec.structs.replace(origin, program=OnnxEvaluator(path, onnx.load(path)))
        onnx_float16.convert(path)
        parity = measure_parity(reference, path, config, preprocessing, origin)
    return parity, simplified


def float32_program(model: nn.Module, config: OnnxConfig) -> OnnxEvaluator:
    """The float32 file that a float16 one with these options was made of, made again.

    Raises:
        ExportError: torch cannot export the network, or wrote another opset than was asked.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        _write(model, path, config, type(model).__name__)
        graph = onnx.load(path)
    if config.simplify:
        import onnxsim  # here: without it there is --no-simplify

        graph, _ = onnxsim.simplify(graph)
    return OnnxEvaluator(path, graph)


def _write(model: nn.Module, path: Path, config: OnnxConfig, name: str) -> None:
    """Write a network as torch's exporter does, in float32, and check that it is the opset asked for, and valid."""
    # With an open batch axis the example has two images: torch takes a size of 1 for a constant.
    batch = max(2, config.batch_size) if config.dynamic_batch else config.batch_size
    example = torch.zeros(batch, 3, config.image_size, config.image_size)
    try:
        with quiet("torch", "onnxscript", "onnx_ir"):
            torch.onnx.export(
                model,
                (example,),
                path,
                dynamo=True,
                external_data=False,
                opset_version=config.opset,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},) if config.dynamic_batch else None,
                verbose=False,
            )
    except Exception as error:  # torch raises dozens of types here, its own and Python's
        cause = _cause(error)
        if isinstance(cause, OSError):
            raise cause from error
        raise ExportError(f"torch could not export {name}: {first_line(cause)}") from error
    written = opset_of(onnx.load(path, load_external_data=False))
    if written != config.opset:
        raise ExportError(
            f"torch's exporter cannot write opset {config.opset} (it fell back to {written}); "
            f"leave --opset out for {DEFAULT_OPSET}"
        )
    onnx.checker.check_model(path, full_check=True)


def _simplify(path: Path, measure: Callable[[Path], Parity]) -> Parity | None:
    """Put onnxsim's file in the place of this one, and measure it; None where its outputs are not the network's."""
    import onnxsim  # here: without it there is --no-simplify

    simplified = path.with_name("simplified.onnx")
    try:
        graph, _ = onnxsim.simplify(onnx.load(path))
        onnx.save(graph, simplified)
        onnx.checker.check_model(simplified, full_check=True)
        parity = measure(simplified)
    except (ParityError, RuntimeError, ValueError, onnx.checker.ValidationError):
        simplified.unlink(missing_ok=True)
        return None
    simplified.replace(path)
    return parity


def _cause(error: BaseException) -> BaseException:
    """What went wrong first; the exporter wraps it in advice to its own developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
