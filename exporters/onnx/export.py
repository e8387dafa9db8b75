"""Network to ONNX: torch's exporter, the checker, onnxsim, and the proof that nothing changed."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import onnx
import torch
from onnxscript import ir
from torch import nn

from exporters.artifact.evaluator import Origin
from exporters.artifact.exported import MeasureParity
from exporters.artifact.sidecar import Parity
from exporters.config import DEFAULT_OPSET, ComputePrecision, OnnxConfig
from exporters.errors import ExportError, ParityError
from exporters.onnx import float16 as onnx_float16
from exporters.onnx import modules
from exporters.onnx.evaluator import OnnxEvaluator
from exporters.onnx.graph import INPUT, OUTPUT, opset_of
from exporters.quiet import quiet
from exporters.rewrites.graph import Network
from exporters.rewrites.placed import placed
from models import Preprocessing
from models.zoo.words import decided_by_values, first_line


def export(
    model: nn.Module,
    path: Path,
    config: OnnxConfig,
    preprocessing: Preprocessing,
    *,
    reference: nn.Module | None = None,
    name: str | None = None,
    outputs: tuple[str, ...] = (OUTPUT,),
    measure_parity: MeasureParity[OnnxConfig],
) -> tuple[Parity, bool | None, dict[str, tuple[str, ...]]]:
    """Write a network to one ONNX file, weights inside, and prove it equal to the network.

    A float16 file is made of the float32 one that was proved. It is proved to be the rounding of that one; how far
    rounding takes it from the network is measured, and not judged.

    Args:
        model: in eval mode; input (N, channels, H, W), output (N, classes), or a tuple of tensors.
        path: the file to write.
        reference: the network that the file is compared with, where `model` is a rewriting of it.
        name: of the network, for messages; else it is called by its class.
        outputs: the names of what the network gives.
        measure_parity: the proof.

    Returns:
        The parity of the file, whether it is the simplified one (None where that was not asked), and the names of its
        operators and values by the module that they belong to.

    Raises:
        ExportError: torch cannot export the network, or wrote another opset than was asked.
        ParityError: the file computes something else, or in float16 NaN, infinity, or nothing that follows the image.
    """
    if config.simplify:
        import onnxsim  # noqa: F401 - where it is missing, that is said before the minutes that exporting takes
    reference = reference or model
    _write(model, path, config, name or type(reference).__name__, channels=preprocessing.channels, outputs=outputs)
    noted = modules.noted(written := onnx.load(path))
    exact = msgspec.structs.replace(config, compute_precision=ComputePrecision.FLOAT32)
    origin = Origin(network=model)

    def measure(file: Path) -> Parity:
        return measure_parity(reference, file, exact, preprocessing, origin)

    parity = _simplify(path, measure) if config.simplify else None
    # Where that changed the outputs, the file is right without it, and the sidecar says that it is not simplified.
    simplified = parity is not None if config.simplify else None
    parity = parity or measure(path)
    if config.compute_precision is ComputePrecision.FLOAT16:
        program = onnx_float16.computed(onnx.load(path))
        onnx.save(program, path)
        origin = msgspec.structs.replace(origin, program=OnnxEvaluator(path, program))
        onnx_float16.convert(path)
        parity = measure_parity(reference, path, config, preprocessing, origin)
    return parity, simplified, _by_module(modules.carried(noted, written, onnx.load(path)))


def _by_module(names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, module in names.items():
        found.setdefault(module, []).append(name)
    return {module: tuple(of_module) for module, of_module in found.items()}


def float32_program(
    model: nn.Module, config: OnnxConfig, *, channels: int = 3, outputs: tuple[str, ...] = (OUTPUT,)
) -> OnnxEvaluator:
    """The float32 file that a float16 one with these options was made of, made again.

    Raises:
        ExportError: torch cannot export the network, or wrote another opset than was asked.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        _write(model, path, config, type(model).__name__, channels=channels, outputs=outputs)
        graph = onnx.load(path)
    if config.simplify:
        import onnxsim  # here: without it there is --no-simplify

        graph, _ = onnxsim.simplify(graph)
    return OnnxEvaluator(path, onnx_float16.computed(graph))


def _write(
    model: nn.Module, path: Path, config: OnnxConfig, name: str, *, channels: int, outputs: tuple[str, ...]
) -> None:
    """Write a network as torch's exporter does, in float32, and check that it is the opset asked for, and valid."""
    # With an open batch axis the example has two images: torch takes a size of 1 for a constant.
    batch = max(2, config.batch_size) if config.dynamic_batch else config.batch_size
    example = torch.zeros(batch, channels, config.image_size, config.image_size)
    if isinstance(model, Network) and "modules" in model.meta:
        model = placed(model)
    try:
        with quiet("torch", "onnxscript", "onnx_ir"):
            program = torch.onnx.export(
                model,
                (example,),
                dynamo=True,
                opset_version=config.opset,
                input_names=[INPUT],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("batch")},) if config.dynamic_batch else None,
                verbose=False,
            )
            assert program is not None  # as it is by dynamo
            _give_way(program.model.graph)
            program.save(path, external_data=False)
    except Exception as error:  # torch raises dozens of types here, its own and Python's
        cause = _cause(error)
        if isinstance(cause, OSError):
            raise cause from error
        raise ExportError(f"torch could not export {name}: {decided_by_values(cause) or first_line(cause)}") from error
    written = opset_of(onnx.load(path, load_external_data=False))
    if written != config.opset:
        raise ExportError(
            f"torch's exporter cannot write opset {config.opset} (it fell back to {written}); "
            f"leave --opset out for {DEFAULT_OPSET}"
        )
    onnx.checker.check_model(path, full_check=True)


def _give_way(graph: ir.Graph) -> None:
    """Rename what within the graph is called as an input or output, which torch's exporter names without a look."""
    ends = [*graph.inputs, *graph.outputs]
    taken = {value.name for value in ends}
    within = [*graph.initializers.values(), *(value for node in graph for value in node.outputs)]
    for value in within:
        if value.name in taken and all(value is not end for end in ends):
            value.name = f"{value.name}/within"


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
