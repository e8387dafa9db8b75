"""The graph that ONNX Runtime made of a file: which module each of its operators is of, and what work it has.

The runtime fuses operators, renames them, and puts copies from one layout into another between them. So an operator is
found by a value that it gives, by the name that it was derived from, or else by what stands before and behind it.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import onnx

from exporters.artifact.sidecar import read_sidecar
from exporters.onnx.channels import is_unaligned
from exporters.onnx.graph import load_graph
from exporters.onnx.modules import between, common, modules_of, readers_of

# Copies of a value into another layout, which stand with the module that the value is of.
COPIES = ("ReorderInput", "ReorderOutput")

_BLOCKED = "com.microsoft.nchwc"  # the domain of operators on its blocked layout

# What gives a tensor another shape, and leaves it where it lies.
_VIEWS = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Dropout")

BY_VALUE, BY_NAME, BY_NEIGHBOURS = "value", "name", "neighbours"

Shapes = Sequence[tuple[int, ...]]


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator of the runtime's graph.

    Attributes:
        module: the path of its module; "" for the network itself, None where nobody knows.
        joined: how that was found; None where it was not.
        origin: the value or operator of the file that it was made for; None where that is a guess, or unknown.
        macs: multiply-adds, with those of channels that the runtime fills up.
        weight_bytes: of the constants that it reads.
        moves: the part of its other inputs and outputs that it really reads and writes: of what only gives a tensor
            another shape, nothing; of what is given one tensor several times, one.
        unaligned: a convolution whose channels keep it out of the runtime's blocked layout.
        depthwise: a convolution of each channel by itself.
    """

    module: str | None
    joined: str | None
    origin: str | None
    macs: int
    weight_bytes: int
    moves: tuple[float, float]
    unaligned: bool
    depthwise: bool


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of its operators.

    Attributes:
        is_named: whether any of them has a name.
        has_modules: whether anything is known of their modules.
    """

    is_named: bool
    has_modules: bool


def read_names(file: Path) -> Names:
    """Whether a profile of a file can be laid on its operators, and on its modules.

    Raises:
        ArtifactError: it cannot be read.
    """
    graph = load_graph(file)
    return Names(
        is_named=any(node.name for node in graph.graph.node),
        has_modules=any(_known(file, graph).values()),
    )


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What Model Explorer's ONNX adapter (justinchuby/model_explorer_onnx, 0.4) calls a file's graph and its operators.

    Attributes:
        operators: by their own names, and by those of the values that they give. The adapter itself knows values by
            another key than Model Explorer looks for, so that data of a value would be of no operator.
    """

    graph: str
    operators: dict[str, str]


def read_drawn(file: Path) -> Drawn:
    """What a file's operators are called where Model Explorer draws it.

    Raises:
        ArtifactError: it cannot be read.
    """
    graph = load_graph(file).graph
    operators: dict[str, str] = {}
    for number, node in enumerate(graph.node):
        drawn = node.name or f"<node_{number}>"
        operators |= dict.fromkeys((drawn, *filter(None, node.output)), drawn)
    return Drawn(graph=graph.name, operators=operators)


def read_runtime_graph(file: Path, optimized: Path, shapes: Mapping[str, tuple[Shapes, Shapes]]) -> dict[str, Operator]:
    """The operators of the graph that the runtime ran, by name, laid on the modules of its file.

    Args:
        optimized: the graph, as the runtime has written it.
        shapes: of the inputs and outputs of its operators, by name, as they were when it ran.

    Raises:
        ArtifactError: one of them cannot be read.
    """
    graph, own = onnx.load(optimized), load_graph(file)
    _name_nameless(graph, shapes)
    names = {name: node for node in own.graph.node for name in (node.name, *node.output) if name}
    made_of = _made_of(graph, names)
    joined = join(graph, _known(file, own), made_of)
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    blocked = any(node.domain == _BLOCKED for node in graph.graph.node)
    operators = {}
    for node in graph.graph.node:
        module, how = joined[node.name]
        constants = [weights[name] for name in node.input if name in weights]
        operators[node.name] = Operator(
            module=module,
            joined=how,
            origin=_origin(node, names) or (made_of[node.name][0] if node.name in made_of else None),
            macs=_macs(node, weights, *shapes.get(node.name, ((), ()))),
            weight_bytes=sum(map(_size_bytes, constants)),
            moves=_moves(node, weights),
            depthwise=_is_depthwise(node, constants),
            unaligned=blocked
            and node.domain != _BLOCKED
            and is_unaligned(node, {t.name: tuple(t.dims) for t in constants}),
        )
    return operators


def read_modules(file: Path) -> Mapping[str, str]:
    """The modules that a file or its sidecar tells, by the names of its operators and values.

    Raises:
        ArtifactError: it cannot be read.
    """
    return _known(file, load_graph(file))


def module_of(origins: Sequence[str], modules: Mapping[str, str]) -> str | None:
    """The innermost module that holds all of these; None where nothing of them is known."""
    known = [modules[name] for name in origins if name in modules]
    return common(known) if known else None


def _name_nameless(graph: onnx.ModelProto, ran: Iterable[str]) -> None:
    """Give operators without a name the one that the runtime's profile has for them: their kind, and a number.

    Args:
        ran: the names of all, in the order in which they ran, which is that of the graph.
    """
    known = {node.name for node in graph.graph.node}
    numbered: dict[str, list[str]] = defaultdict(list)
    for name in ran:
        if name not in known:
            numbered[name.rpartition("_")[0]].append(name)
    for kind, names in numbered.items():
        nameless = [node for node in graph.graph.node if node.op_type == kind and not node.name]
        if len(nameless) == len(names):
            for node, name in zip(nameless, names, strict=True):
                node.name = name


def _made_of(graph: onnx.ModelProto, names: Mapping[str, onnx.NodeProto]) -> dict[str, tuple[str, ...]]:
    """What operators of the runtime's graph were made of that neither their values nor their names tell.

    It is what stood in the file between what is known before them and the one operator behind them that reads them: of
    an activation that was written out, and is one operator now, all of its values, the last first.

    Args:
        names: the operators of the file, by their names and those of their values.
    """
    nodes = graph.graph.node
    origins = {node.name: _origin(node, names) for node in nodes}
    kept = {value for origin in origins.values() if origin is not None for value in names[origin].output}
    unknown = [node for node in nodes if origins[node.name] is None]
    given = {value for node in unknown for value in node.output if value}
    readers = readers_of(nodes)
    found = {}
    for node in unknown:
        behind = [reader for value in node.output if value for reader in readers.get(value, ())]
        origin = origins[behind[0].name] if len(behind) == 1 else None
        # A reader of another kind than the file's operator has taken up others of the file, which would be counted to
        # this one; and of several unknown ones in a row nobody knows which was made of what.
        if origin is None or names[origin].op_type != behind[0].op_type or given.intersection(node.input):
            continue
        ends = {name for name in names[origin].input if name in names and name not in kept}
        if len(ends) == 1:  # nor does anybody of two that one operator reads
            found[node.name] = tuple(between(ends.pop(), kept, names))
    return found


def _origin(node: onnx.NodeProto, names: Mapping[str, object]) -> str | None:
    """What of a file an operator stands for: the value that it gives or copies, or what its name was derived from."""
    values = (*node.output, *(node.input if node.op_type in COPIES else ()))
    return next((name for name in values if name in names), None) or base_name(node.name, names)


def _known(file: Path, graph: onnx.ModelProto) -> Mapping[str, str]:
    """The modules that a file's sidecar tells, or else the file itself, by the names of operators and values."""
    sidecar = read_sidecar(file)
    told = sidecar.module_by_name if sidecar is not None and sidecar.modules else modules_of(graph)
    known = dict(told)
    for node in graph.graph.node:
        names = [name for name in (*node.output, node.name) if name]
        module = next((told[name] for name in names if name in told), None)
        if module is not None:  # of one that is known by its own name alone, its values are known with it
            for name in names:
                known.setdefault(name, module)
    return known


def join(
    graph: onnx.ModelProto, modules: Mapping[str, str], made_of: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str | None, str | None]]:
    """The module of each operator of the runtime's graph, by its name, and how it was found.

    Args:
        modules: by the names of operators and values of the file.
        made_of: of operators of which nothing else is told, the values of the file that they were made of.
    """
    nodes = list(graph.graph.node)
    made_by = {name: node for node in nodes for name in node.output}
    readers = readers_of(nodes)
    found: dict[str, tuple[str | None, str | None]] = {}
    for node in nodes:
        values = [modules[name] for name in node.output if name in modules]
        copied = [modules[name] for name in node.input if name in modules] if node.op_type in COPIES else []
        base = base_name(node.name, modules)
        if values or copied:
            found[node.name] = common(values or copied), BY_VALUE
        elif base is not None:
            found[node.name] = modules[base], BY_NAME
        elif node.op_type in COPIES and (source := made_by.get(node.input[0])) and source.name in found:
            found[node.name] = found[source.name]
        elif (module := module_of(made_of.get(node.name, ()), modules)) is not None:
            found[node.name] = module, BY_VALUE
    left = [node for node in nodes if node.name not in found]
    while left:
        guesses = {node.name: guess for node in left if (guess := _guess(node, found, made_by, readers)) is not None}
        if not guesses:
            break
        found |= {name: (guess, BY_NEIGHBOURS) for name, guess in guesses.items()}
        left = [node for node in left if node.name not in found]
    return found | {node.name: (None, None) for node in left}


def _guess(
    node: onnx.NodeProto,
    found: Mapping[str, tuple[str | None, str | None]],
    made_by: Mapping[str, onnx.NodeProto],
    readers: Mapping[str, Sequence[onnx.NodeProto]],
) -> str | None:
    """The innermost module that holds all that stands around an operator; None where nothing of that is known."""
    before = [made_by[name].name for name in node.input if name in made_by]
    behind = [reader.name for name in node.output for reader in readers.get(name, ())]
    known = [module for name in (*before, *behind) if (module := found.get(name, (None, None))[0]) is not None]
    return common(known) if known else None


def base_name(name: str, known: Mapping[str, object]) -> str | None:
    """The longest of the known names that a name was derived from, by what was put behind it; None for none.

    What is put behind begins with a sign and a letter: "conv2d_1_nchwc" is derived from "conv2d_1", and "conv2d_1" is
    not from "conv2d". A node "node_conv2d" is as good as the value "conv2d".
    """
    while True:
        for each in (name, f"node_{name}"):
            if each in known:
                return each
        shorter = re.sub(r"[_/ ][A-Za-z][A-Za-z0-9]*(?:_token_\d+)?[_/ ]*$", "", name)
        if shorter == name or not shorter:
            return None
        name = shorter


def _is_depthwise(node: onnx.NodeProto, constants: Sequence[onnx.TensorProto]) -> bool:
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return groups > 1 and any(len(each.dims) > 2 and each.dims[1] == 1 for each in constants)


def _moves(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> tuple[float, float]:
    """The part of its inputs that an operator reads, weights apart, and of its outputs that it writes."""
    if node.op_type in _VIEWS:
        return 0.0, 0.0
    given = [name for name in node.input if name and name not in weights]
    return len(set(given)) / (len(given) or 1), 1.0


def _size_bytes(tensor: onnx.TensorProto) -> int:
    half = tensor.data_type in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4)
    item = 0.5 if half else onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return int(math.prod(tensor.dims) * item)


def _macs(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto], inputs: Shapes, outputs: Shapes) -> int:
    """Multiply-adds of a convolution or of a product of matrices; 0 of anything else."""
    constant = [tuple(weights[name].dims) for name in node.input if name in weights]
    if not outputs or not node.input:
        return 0
    results = math.prod(outputs[0])
    first = tuple(weights[node.input[0]].dims) if node.input[0] in weights else next(iter(inputs), ())
    match node.op_type:
        case "Conv" | "FusedConv" | "ConvInteger" | "QLinearConv" | "NhwcFusedConv":
            kernel = next((shape for shape in constant if len(shape) > 2), None)
            return results * math.prod(kernel[1:]) if kernel else 0
        case "ConvTranspose":
            kernel = next((shape for shape in constant if len(shape) > 2), None)
            return math.prod(first) * math.prod(kernel[1:]) if kernel else 0
        case "Gemm" | "FusedGemm" if len(first) == 2:
            return results * first[0 if _flag(node, "transA") else 1]
        case "MatMul" | "FusedMatMul" | "MatMulInteger" | "QLinearMatMul" if first:
            return results * first[-2 if _flag(node, "transA") and len(first) > 1 else -1]
    return 0


def _flag(node: onnx.NodeProto, name: str) -> bool:
    return any(attribute.name == name and attribute.i for attribute in node.attribute)
