"""Arguments: what a command is told to do something with."""

from pathlib import Path
from typing import Annotated

import typer

from effmod_bench.options.words import EXPORT, OWN, TABLES

Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help=f"A network of 'effmod list', a pattern such as 'efficientmod_*', {OWN}, or the path of an .onnx or "
        ".mlpackage. Without any: the four EfficientMod networks.",
        show_default=False,
    ),
]
ExportTargets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help=f"A network of 'effmod list', a pattern such as 'efficientmod_*', {OWN}, or a path to an .onnx file to "
        "rewrite.",
        show_default=False,
    ),
]
Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help=f"A network of 'effmod list', or {OWN}.", show_default=False)
]

ArtifactPath = Annotated[
    Path,
    typer.Argument(
        metavar="ARTIFACT",
        help="An .onnx file or an .mlpackage; with its sidecar, the network need not be named.",
        show_default=False,
    ),
]
ListedTable = Annotated[
    str | None,
    typer.Option(
        "--table", help=f"Only networks of this table of the paper: {TABLES} (Appendix L).", show_default=False
    ),
]
TableOfPaper = Annotated[
    str | None,
    typer.Option(
        "--table",
        help=f"All networks of this table of the paper: {TABLES} (Appendix L).",
        rich_help_panel=EXPORT,
        show_default=False,
    ),
]
ComparedTargets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="As for 'effmod bench'. Each of the others is compared with the first.",
        show_default=False,
    ),
]

TunedTarget = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help=f"A network of 'effmod list', {OWN}, or a path to an .onnx file.", show_default=False
    ),
]

NetworkOrArtifact = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK|FILE",
        help="What was timed: the .mlpackage or .onnx itself, beside its sidecar, or a network of 'effmod list'.",
        show_default=False,
    ),
]
