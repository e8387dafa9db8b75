"""A rewritten network that says to torch's exporter where each of its operators came from.

The rewrites act on a flat graph, whose nodes keep their place in a note of their own (`graph.place`), and exporters
take no notes along but the path of the module that calls an operator. So each operator gets a module at its place.
"""

import re
from typing import Any

from torch import fx, nn

from exporters.rewrites.graph import Network

OPERATOR = "__operator_"
"""The names of these modules begin so."""
_UNPLACED = "__nowhere"  # what has no module is no part of one

_REPEATED = re.compile(r"@\d+$")  # torch's mark of the second call of one module, and of later ones


class _Operator(nn.Module):
    """An operator, called as it was."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._target(*args, **kwargs)


def placed(network: Network) -> nn.Module:
    """The same network, with its constants; exported, it gives the same file but for the notes on its operators."""
    copy, values = fx.GraphModule(nn.Module(), fx.Graph()), dict[fx.Node, fx.Node]()
    for name, parameter in network.named_parameters():
        copy.register_parameter(name, parameter)
    modules = network.meta["modules"]
    for number, node in enumerate(network.graph.nodes):
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
        if node.op == "call_function":
            path = f"{_module_of(node, modules)}.{OPERATOR}{number}".removeprefix(".")
            copy.add_submodule(path, _Operator(node.target))
            values[node] = copy.graph.call_module(path, args, kwargs)
        else:
            values[node] = copy.graph.create_node(node.op, node.target, args, kwargs, name=node.name)
    copy.graph.lint()
    copy.recompile()
    return copy.eval()


def _module_of(node: fx.Node, modules: frozenset[str]) -> str:
    """The path of the module that a node came from; "" for the network itself, whose operators are named instead."""
    if "place" not in node.meta:
        return _UNPLACED
    path = _REPEATED.sub("", str(node.meta["place"]))
    return path if path in modules else ""
