"""Which values of a file each operator of the graph that OpenVINO made of it was made for.

OpenVINO notes on an operator the names of those that it was made of, as its reader of ONNX files had called them; what
the reader made beside them has names of its own, and so have the copies into another layout that are put in later.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from results import Joined

# Copies of a value into another layout, which stand with what the value is of.
_COPIES = ("Reorder",)
_INPUT, _OUTPUT = "Input", "Output"  # what the network is fed and gives, which is no module's


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A network as OpenVINO has read it from a file, by the names of its operators.

    Attributes:
        values: of the file, those that an operator gives; or, where it gives none, those that it is needed for first.
        reads: what one reads; where that gives no value of the file, also what it reads itself.
        macs: multiply-adds of convolutions and products.
        depthwise: convolutions of each channel by itself.
    """

    values: dict[str, tuple[str, ...]]
    reads: dict[str, frozenset[str]]
    macs: dict[str, int]
    depthwise: frozenset[str]

    def macs_of(self, names: Iterable[str]) -> int:
        """Of these operators together."""
        return sum(self.macs.get(name, 0) for name in names)

    def has_depthwise(self, names: Iterable[str]) -> bool:
        """Whether one of these is a convolution of each channel by itself."""
        return not self.depthwise.isdisjoint(names)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """An operator of the graph that OpenVINO runs.

    Attributes:
        before: the operators whose results it reads.
        made_of: the names of what it was made of, the last of which gives its result.
        is_constant: it computes nothing of what the network is fed.
    """

    name: str
    kind: str
    before: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    is_constant: bool = False

    @property
    def computes(self) -> bool:
        return not self.is_constant and self.kind not in (_INPUT, _OUTPUT)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where an operator comes from.

    Attributes:
        origins: values of the file.
        joined: None where nothing was found.
        made_of: operators of the network that was read.
    """

    origins: tuple[str, ...] = ()
    joined: Joined | None = None
    made_of: tuple[str, ...] = ()


def read_source(network: Any) -> Source:
    """What an `openvino.Model` tells, that was read from a file and is not compiled."""
    values: dict[str, tuple[str, ...]] = {}
    operators = network.get_ordered_ops()
    for op in reversed(operators):
        own = sorted(name for output in op.outputs() for name in output.get_names())
        if not own:
            readers = (reader.get_node() for output in op.outputs() for reader in output.get_target_inputs())
            own = sorted({name for reader in readers for name in values.get(reader.get_friendly_name(), ())})
        values[op.get_friendly_name()] = tuple(own)
    return Source(
        values=values,
        reads=_reads(operators),
        macs={op.get_friendly_name(): macs for op in operators if (macs := _macs(op))},
        depthwise=frozenset(op.get_friendly_name() for op in operators if _is_depthwise(op)),
    )


def _reads(operators: Sequence[Any]) -> dict[str, frozenset[str]]:
    """Of operators of which none comes before what it reads."""
    reads: dict[str, frozenset[str]] = {}
    for op in operators:
        given = [x.get_source_output() for x in op.inputs()]
        inner = [value.get_node().get_friendly_name() for value in given if not value.get_names()]
        names = {value.get_node().get_friendly_name() for value in given}
        reads[op.get_friendly_name()] = frozenset(names.union(*(reads[name] for name in inner)))
    return reads


def nodes_of(operators: Iterable[Any]) -> tuple[Node, ...]:
    """The operators of the graph that runs, an `openvino.Model`'s, none of which comes before its inputs."""
    nodes: dict[str, Node] = {}
    for op in operators:
        facts = op.get_rt_info()
        before = tuple(x.get_source_output().get_node().get_friendly_name() for x in op.inputs())
        kind = facts["layerType"].astype(str)
        nodes[op.get_friendly_name()] = Node(
            name=op.get_friendly_name(),
            kind=kind,
            before=before,
            made_of=tuple(name for name in facts["originalLayersNames"].astype(str).split(",") if name),
            is_constant=kind == "Const" or (bool(before) and all(nodes[name].is_constant for name in before)),
        )
    return tuple(nodes.values())


def join(nodes: Sequence[Node], source: Source) -> dict[str, Origin]:
    """Where each operator that runs comes from, by its name.

    What was made of several is of the one that multiplies, where there is one: an activation goes with its convolution.
    A copy into another layout is of what it copies, or else of what it is made for, both of which its name tells. What
    stands between an operator and all that this had read before was made of it, such as the mean in a norm.
    """
    data = [node for node in _completed(nodes, source) if not node.is_constant]
    readers: dict[str, list[str]] = {}
    for node in data:
        for name in node.before:
            readers.setdefault(name, []).append(node.name)
    found: dict[str, Origin] = {}
    for node in data:
        known = [name for name in node.made_of if source.values.get(name)]
        if known and node.computes:
            working = [name for name in known if name in source.macs] or known
            values = dict.fromkeys(value for name in working for value in source.values[name])
            found[node.name] = Origin(origins=tuple(values), joined=Joined.VALUE, made_of=node.made_of)
    by_name = {node.name: node for node in data}
    ways = _Ways(by_name, readers, frozenset(found))
    left = [node for node in data if node.name not in found]
    found |= {node.name: part for node in left if (part := _part_of(node, found, by_name, ways, source))}
    copies = [node for node in left if node.name not in found and node.kind in _COPIES]
    found |= {node.name: copied for node in copies if (copied := _of_copy(node, found, readers))}
    left = [node for node in data if node.name not in found]
    while guesses := {node.name: guess for node in left if (guess := _guess(node, found, readers))}:
        found |= guesses
        left = [node for node in left if node.name not in found]
    return {node.name: found.get(node.name, Origin()) for node in nodes}


def around(nodes: Sequence[Node], joined: Mapping[str, Origin]) -> dict[str, tuple[str, ...]]:
    """The values of the file that the operators next to each were made for, by its name."""
    near: dict[str, dict[str, None]] = {node.name: {} for node in nodes}
    for node in nodes:
        for name in node.before:
            near[node.name] |= dict.fromkeys(joined[name].origins)
            near[name] |= dict.fromkeys(joined[node.name].origins)
    return {name: tuple(values) for name, values in near.items()}


def _completed(nodes: Sequence[Node], source: Source) -> list[Node]:
    """With the products that OpenVINO does not name: those of what gives a value of the file, such as a sum's."""
    named = {name for node in nodes for name in node.made_of}
    unnamed = source.macs.keys() - named
    completed = []
    for node in nodes:
        read = {each for name in node.made_of for each in source.reads.get(name, ())}
        inner = unnamed & read
        unnamed -= inner
        completed.append(msgspec.structs.replace(node, made_of=(*sorted(inner), *node.made_of)))
    return completed


class _Ways:
    """From an operator that was not found to those next to it that were, whatever else stands between."""

    def __init__(self, nodes: Mapping[str, Node], readers: Mapping[str, Sequence[str]], found: frozenset[str]) -> None:
        self._nodes, self._readers, self._found = nodes, readers, found

    def behind(self, name: str) -> set[str]:
        return self._ends(name, lambda at: self._readers.get(at, ()))

    def before(self, name: str) -> set[str]:
        return self._ends(name, lambda at: [each for each in self._nodes[at].before if each in self._nodes])

    def _ends(self, name: str, following: Callable[[str], Sequence[str]]) -> set[str]:
        ends, seen, waiting = set(), {name}, [name]
        while waiting:
            for each in following(waiting.pop()):
                if each in self._found:
                    ends.add(each)
                elif each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return ends


def _part_of(
    node: Node, found: Mapping[str, Origin], nodes: Mapping[str, Node], ways: _Ways, source: Source
) -> Origin | None:
    """Of what stands on the way to one operator alone, and reads only what that one had read: that operator."""
    behind, before = ways.behind(node.name), ways.before(node.name)
    if len(behind) != 1 or not before or node.kind in _COPIES:
        return None
    (end,) = behind
    read = {each for name in nodes[end].made_of for each in source.reads.get(name, ())}
    if all(read.intersection(nodes[each].made_of) for each in before):
        return Origin(origins=found[end].origins, joined=Joined.VALUE)
    return None


def _of_copy(node: Node, found: Mapping[str, Origin], readers: Mapping[str, Sequence[str]]) -> Origin | None:
    for names, how in ((node.before, Joined.VALUE), (readers.get(node.name, ()), Joined.NAME)):
        for name in names:
            if name in found:
                return Origin(origins=found[name].origins, joined=how)
    return None


def _guess(node: Node, found: Mapping[str, Origin], readers: Mapping[str, Sequence[str]]) -> Origin | None:
    """All that stands around an operator; None where nothing of that is known."""
    around = [found[name].origins for name in (*node.before, *readers.get(node.name, ())) if name in found]
    if not around:
        return None
    values = dict.fromkeys(value for origins in around for value in origins)
    return Origin(origins=tuple(values), joined=Joined.NEIGHBOURS)


def _macs(op: Any) -> int:
    """Multiply-adds of a convolution or of a product of matrices; 0 of anything else."""
    if not all(x.get_partial_shape().is_static for x in (*op.inputs(), *op.outputs())):
        return 0
    sizes = [tuple(x.get_shape()) for x in op.inputs()]
    match op.get_type_name():
        case "Convolution":
            return math.prod(op.output(0).get_shape()) * math.prod(sizes[1][1:])
        case "GroupConvolution":
            return math.prod(op.output(0).get_shape()) * math.prod(sizes[1][2:])
        case "ConvolutionBackpropData":
            return math.prod(sizes[0]) * math.prod(sizes[1][1:])
        case "GroupConvolutionBackpropData":
            return math.prod(sizes[0]) * math.prod(sizes[1][2:])
        case "MatMul":
            turned = bool(op.get_attributes()["transpose_a"]) and len(sizes[0]) > 1
            return math.prod(op.output(0).get_shape()) * sizes[0][-2 if turned else -1]
    return 0


def _is_depthwise(op: Any) -> bool:
    """The weights of a convolution in groups are of (groups, outputs of each, inputs of each, height, width)."""
    return op.get_type_name() == "GroupConvolution" and op.input(1).get_partial_shape()[2] == 1
