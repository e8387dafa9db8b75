"""Arguments: what a command is told to do something with."""

from pathlib import Path
from typing import Annotated

from effmod_bench.options.option import WHAT, argument, option
from effmod_bench.options.words import OWN, TABLES, complete_network, complete_table, complete_target

Targets = Annotated[
    list[str] | None,
    argument(
        "[TARGET]...",
        help=f"A network of 'effmod list', a pattern such as 'efficientmod_*', {OWN}, the path of an .onnx or "
        ".mlpackage, or mask_rcnn:BACKBONE, in PyTorch. Without any: the four EfficientMod networks.",
        autocompletion=complete_target,
    ),
]
Network = Annotated[
    str, argument("NETWORK", help=f"A network of 'effmod list', or {OWN}.", autocompletion=complete_network)
]
ArtifactPath = Annotated[
    Path,
    argument("ARTIFACT", help="An .onnx file or an .mlpackage; with its sidecar, the network need not be named."),
]
TunedTarget = Annotated[
    str,
    argument(
        "TARGET",
        help=f"A network of 'effmod list', {OWN}, or a path to an .onnx file.",
        autocompletion=complete_network,
    ),
]
ProfiledTargets = Annotated[
    list[str],
    argument(
        "TARGET",
        help=f"A network of 'effmod list', {OWN}, or a path to an .onnx file or a Core ML package.",
        autocompletion=complete_network,
    ),
]
"""Of which there is one: whoever names two is told how two are compared."""
NetworkOrArtifact = Annotated[
    str,
    argument(
        "NETWORK|FILE",
        help="What was timed: the .mlpackage or .onnx itself, beside its sidecar, or a network of 'effmod list'.",
        autocompletion=complete_network,
    ),
]
Table = Annotated[
    str | None,
    option(
        "--table",
        metavar="N",
        help=f"All networks of this table of the paper ({TABLES}), in the plain form, shown beside its figures.",
        panel=WHAT,
        show_default=False,
        autocompletion=complete_table,
    ),
]
