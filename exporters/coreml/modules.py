"""Which module of its network each operator of a package belongs to.

coremltools takes the lines of Python along that an operator of the network came from, through all of its passes, and
writes them nowhere. So the path of the operator's module stands in their place, and is read when it is done.
"""

import re
from typing import Any

from torch import fx, nn
from torch.export import ExportedProgram

from exporters.coreml.deployed import Deployed
from exporters.rewrites.graph import Network
from exporters.rewrites.placed import OPERATOR, placed

_NOTE = "stack_trace"
_NETWORK = "network"  # what `Deployed` calls it
_REPEATED = re.compile(r"@\d+$")  # torch's mark of the second call of one module, and of later ones


def with_places(deployed: Deployed) -> nn.Module:
    """The same, where each operator of a rewritten network is called by a module at its place."""
    network = deployed.network
    if not (isinstance(network, Network) and "modules" in network.meta):
        return deployed
    return deployed.around(placed(network))


def note(program: ExportedProgram) -> None:
    """Note on each operator of what torch exported the path of its module, for `modules_of` to find."""
    for node in program.graph.nodes:
        node.meta[_NOTE] = _path(node)


def _path(node: fx.Node) -> str:
    """Of the module of the network; "" for the network itself, and for what a package has around it."""
    around = [str(path) for path, _ in node.meta.get("nn_module_stack", {}).values()]
    path = _REPEATED.sub("", around[-1]) if around else ""
    first, _, own = path.partition(".")
    head, _, last = own.rpartition(".")
    if first != _NETWORK:
        return ""
    return head if last.startswith(OPERATOR) else own


def modules_of(converted: Any) -> dict[str, tuple[str, ...]]:
    """Each module, with the values that its operators give in a package.

    Args:
        converted: coremltools' model, as it has made it of a program with our notes.
    """
    from coremltools.converters.mil.mil.scope import ScopeSource

    found: dict[str, tuple[str, ...]] = {}
    for function in converted._mil_program.functions.values():
        for operator in function.operations:
            (*_, path) = operator.scopes.get(ScopeSource.EXIR_STACK_TRACE) or (None,)
            if path is not None and operator.op_type != "const":
                found[path] = (*found.get(path, ()), *(value.name for value in operator.outputs))
    return found
