"""A user's own ONNX file, read without its weights: what it takes and gives, and whether it can be trusted."""

import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx.external_data_helper
from google.protobuf.message import Message

from exporters.artifact.sidecar import TensorSpec
from exporters.errors import ArtifactError
from exporters.feeds.tensors import is_fed
from models.zoo.words import first_line, stands_for

INPUT, OUTPUT = "input", "logits"
_STANDARD = ("", "ai.onnx")  # names of the domain of ONNX's own operators


def opset_of(graph: onnx.ModelProto) -> int:
    """The version of the standard operators that a file uses."""
    return next(entry.version for entry in graph.opset_import if entry.domain in _STANDARD)


def every_node(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every operator of a file: of its graph, of the functions that it brings, and of the subgraphs of both."""
    left = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while left:
        yield (node := left.pop())
        for attribute in node.attribute:
            left += (inner for graph in (attribute.g, *attribute.graphs) for inner in graph.node)


def read_graph(path: Path) -> onnx.ModelProto:
    """Read a user's own file without its weights, and check that it can be trusted as far as that goes.

    Raises:
        ArtifactError: it is not ONNX, or keeps data outside its own folder, or that data is missing; or it takes or
            gives what is no tensor, or no number.
    """
    graph = load_graph(path)
    check_graph(graph, path)
    return graph


def load_graph(path: Path) -> onnx.ModelProto:
    """Read a file without its weights, and nothing but where it keeps them is checked.

    Raises:
        ArtifactError: it is not ONNX, or has none of ONNX's own operators; or it keeps data outside its own folder, or
            that data is missing.
    """
    if path.exists() and not path.is_file():  # a pipe, say, whose end would be waited for
        raise ArtifactError(f"cannot read {path}: it is not a file")
    try:
        graph = onnx.load(path, format="protobuf", load_external_data=False)
        strange = [text for text in _texts(graph) if not isinstance(text, str)]
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # fed a stranger's bytes, a parser may raise anything
        raise ArtifactError(_damaged(path, error)) from error
    if strange:
        raise ArtifactError(_damaged(path, f"{strange[0]!r} in it is no text"))
    domains = [entry.domain for entry in graph.opset_import]
    if not domains:
        raise ArtifactError(_damaged(path, "it does not say which version of ONNX's operators it uses"))
    if not set(domains) & set(_STANDARD):  # of trees, say, as scikit-learn's are
        raise ArtifactError(
            f"{path} uses operators of {' and '.join(domains)} alone, and none of ONNX's own, which networks have"
        )
    external_files(graph, path)
    return graph


def _texts(message: Message) -> Iterator[str | bytes]:
    """Every text in a message; one that is not UTF-8 comes as bytes."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for each in [value] if isinstance(value, (str, bytes, Message)) else value:
            if isinstance(each, Message):
                yield from _texts(each)
            else:
                yield each


def _damaged(path: Path, cause: Exception | str) -> str:
    if said := stands_for(path):
        return f"{path} is no ONNX file: {said}"
    said = f"{type(cause).__name__}: {first_line(cause)}" if isinstance(cause, Exception) else cause
    return f"{path} is not an ONNX file that can be read, or it is cut short or damaged: {said}"


def check_graph(graph: onnx.ModelProto, path: Path) -> None:
    """Refuse a file that breaks ONNX's rules, or that cannot be fed. Operators of other domains are the runtime's.

    Raises:
        ArtifactError: it is not valid, or takes what is no tensor, or no number.
    """
    try:
        onnx.checker.check_model(with_shapes(onnx.load(path)) if unshaped(graph) else path)
    except onnx.checker.ValidationError as error:
        raise ArtifactError(f"{path} is not a valid ONNX file: {first_line(error)}") from error
    except Exception as error:  # fed a stranger's bytes, a parser may raise anything
        raise ArtifactError(_damaged(path, error)) from error
    for value in graph.graph.input:
        kind = (value.type.WhichOneof("value") or "nothing").removesuffix("_type")
        if kind != "tensor":
            article = "an" if kind == "optional" else "a"
            raise ArtifactError(f"{path}: input {value.name!r} is {article} {kind}, where effmod feeds tensors")
    for tensor in read_tensors(graph)[0]:
        if not is_fed(tensor.dtype):
            raise ArtifactError(f"{path}: input {tensor.name!r} has elements that effmod cannot feed: {tensor.dtype}")


def unshaped(graph: onnx.ModelProto) -> list[onnx.TypeProto.Tensor]:
    """The inputs and outputs that carry no shape: ONNX's checker demands one, and ONNX Runtime does not."""
    tensors = (value.type.tensor_type for value in (*graph.graph.input, *graph.graph.output))
    return [tensor for tensor in tensors if tensor.elem_type and not tensor.HasField("shape")]


def with_shapes(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which inputs and outputs without a shape have one, though not the right one, for ONNX's checker."""
    shaped = onnx.ModelProto()
    shaped.CopyFrom(graph)
    for tensor in unshaped(shaped):
        tensor.shape.SetInParent()
    return shaped


def results_of(graph: onnx.ModelProto, element_type: int) -> dict[str, onnx.NodeProto]:
    """The results of a graph's operators of one element type by name, each with its operator, in the graph's order."""
    inferred = onnx.shape_inference.infer_shapes(graph).graph
    wanted = {
        value.name
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.elem_type == element_type
    }
    return {name: node for node in graph.graph.node for name in node.output if name in wanted}


def external_files(graph: onnx.ModelProto, path: Path) -> list[Path]:
    """The files beside a user's own file in which it keeps weights, each once; most have none.

    Raises:
        ArtifactError: one lies outside the file's folder, or is missing, or is smaller than what it should hold.
    """
    folder = path.parent.resolve()
    found: dict[Path, None] = {}
    # onnx has no public list of every tensor: initializers, and those in attributes and subgraphs.
    for tensor in onnx.external_data_helper._get_all_tensors(graph):
        if not onnx.external_data_helper.uses_external_data(tensor):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of keys that onnx does not know; whoever loads the file judges them
                info = onnx.external_data_helper.ExternalDataInfo(tensor)
        except ValueError as error:
            raise ArtifactError(f"{path} is not a valid ONNX file: {first_line(error)}") from error
        location = info.location
        try:
            data = (folder / location).resolve()
            is_there = data.is_file()
        except (OSError, RuntimeError, ValueError) as error:  # too long, links in a circle, or a null character
            raise ArtifactError(f"{path} keeps its weights in {location!r}, which names no file: {error}") from error
        if not data.is_relative_to(folder):
            raise ArtifactError(
                f"{path} keeps its weights outside its folder, in {location!r}. effmod does not follow such a path: "
                "put the data beside the file, or save the file with its weights inside"
            )
        if not is_there:
            raise ArtifactError(f"{path} keeps its weights in {location!r}, and that file is not beside it")
        size = data.stat().st_size
        # A tensor with a length says it; and no element takes less than a bit.
        if (info.offset or 0) + (info.length or 0) > size or math.prod(tensor.dims) > 8 * size:
            raise ArtifactError(
                f"{path} keeps {tensor.name!r}, of shape {','.join(map(str, tensor.dims))}, in {location!r}, and that "
                f"file has only {size} bytes: it is cut short, or not the one that belongs to it"
            )
        found[data] = None
    return list(found)


# ONNX's element types in ONNX Runtime's words, which the records use.
def read_tensors(graph: onnx.ModelProto) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """The inputs that must be fed, and the outputs, with ONNX's names for their elements."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    inputs = (value for value in graph.graph.input if value.name not in constants)
    return tuple(map(_tensor, inputs)), tuple(map(_tensor, graph.graph.output))


def _tensor(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor, known = value.type.tensor_type, onnx.TensorProto.DataType
    kind = tensor.elem_type
    # Runtimes take a negative size for an open one, too.
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else dim.dim_param or "?"
        for dim in tensor.shape.dim
    )
    return TensorSpec(
        name=value.name,
        shape=shape if tensor.HasField("shape") else None,
        dtype=known.Name(kind).lower() if kind in known.values() else f"type {kind}",
    )
