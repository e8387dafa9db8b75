"""Which module of its network each operator of an ONNX file belongs to.

torch's exporter notes the path of modules on every operator, and onnxsim drops the notes. So they are read before, and
carried over by the names of values, which stay: what onnxsim puts between two values it made of what stood there.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import onnx

from exporters.rewrites.placed import OPERATOR

_SCOPES = "pkg.torch.onnx.name_scopes"
_REPEATED = re.compile(r"@\d+$")  # torch's mark of the second call of one module, and of later ones

Modules = Mapping[str, str]
"""Paths of modules by the names of operators and of the values that they give; "" is the network itself."""


def noted(graph: onnx.ModelProto) -> dict[str, str]:
    """What torch's exporter has noted on the operators of its file; of others nothing is known."""
    found: dict[str, str] = {}
    for node in graph.graph.node:
        path = _noted(node)
        if path is not None:
            found |= dict.fromkeys(_names(node), path)
    return found


def _noted(node: onnx.NodeProto) -> str | None:
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            try:
                scopes = ast.literal_eval(entry.value)
            except (SyntaxError, ValueError):
                return None
            *around, _ = scopes or [""]  # the last is the operator itself
            path = _REPEATED.sub("", str(around[-1])) if around else ""
            head, _, last = path.rpartition(".")
            return head if last.startswith(OPERATOR) else path
    return None


def named(graph: onnx.ModelProto) -> dict[str, str]:
    """The paths that other exporters put into the names themselves; mostly none.

    torch's older one begins them with a slash ("/stages/stages.0/mlp/MatMul"). TensorFlow's do not
    ("model/block1/conv/Conv2D"), and are paths where most operators have such a name: of a few it is chance.
    """
    names = [name for node in graph.graph.node for name in _names(node)]
    rooted = [name for name in names if name.startswith("/")]
    others = [name for name in names if "/" in name]
    return {name: _path(name) for name in rooted or (others if 2 * len(others) > len(names) else ())}


def _path(name: str) -> str:
    """The module's of an operator. One of a list of modules stands in it with the list's name ("stages.0") again."""
    path: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        if path and part.startswith(f"{path[-1]}."):
            path.pop()
        path.append(part)
    return ".".join(path)


def modules_of(graph: onnx.ModelProto) -> dict[str, str]:
    """What a file itself says of its operators' modules: torch's notes, or the names; empty where it says nothing."""
    return noted(graph) or named(graph)


def carried(modules: Modules, before: onnx.ModelProto, after: onnx.ModelProto) -> dict[str, str]:
    """The modules of a graph's operators, by those of the graph that it was made of.

    Args:
        modules: of `before`.
        after: computes the same, and has values of `before` under their names.
    """
    found: dict[str, str] = {}
    made_by = {name: node for node in before.graph.node for name in node.output}
    kept = {name for node in after.graph.node for name in node.output if name in made_by}
    kept |= {value.name for value in after.graph.input}
    readers = readers_of(after.graph.node)
    for node in after.graph.node:
        known = [modules[name] for name in node.output if name in modules]
        if not known:
            ends = _ends(node, kept, readers)
            known = [modules[name] for end in ends for name in between(end, kept, made_by) if name in modules]
        if known:
            found |= dict.fromkeys(_names(node), common(known))
    return found


def _ends(node: onnx.NodeProto, kept: set[str], readers: Mapping[str, Sequence[onnx.NodeProto]]) -> set[str]:
    """The first values behind a node that were there before."""
    ends, seen, waiting = set(), set(), list(node.output)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in kept:
            ends.add(name)
        else:
            waiting += [output for reader in readers.get(name, ()) for output in reader.output]
    return ends


def between(end: str, kept: set[str], made_by: Mapping[str, onnx.NodeProto]) -> Iterator[str]:
    """The values that were computed on the way to one, from those that are still there."""
    seen, waiting = set(), [end]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in made_by:
            continue
        seen.add(name)
        yield name
        waiting += [source for source in made_by[name].input if source not in kept]


def readers_of(nodes: Iterable[onnx.NodeProto]) -> dict[str, list[onnx.NodeProto]]:
    """Which operators read each value."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def common(paths: Sequence[str]) -> str:
    """The innermost module that holds all of these."""
    first, *others = (path.split(".") if path else [] for path in paths)
    shared = []
    for i, part in enumerate(first):
        if any(len(other) <= i or other[i] != part for other in others):
            break
        shared.append(part)
    return ".".join(shared)


def _names(node: onnx.NodeProto) -> Iterator[str]:
    yield from (name for name in (node.name, *node.output) if name)
