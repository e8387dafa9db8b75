"""Options and arguments that several commands share: one option, one meaning."""

from pathlib import Path
from typing import Annotated

import typer

from effmod_bench.options.parse import parse_duration

# How networks are named that are not of the zoo.
OWN = "timm:NAME for one of timm's, path/to/file.py:function for your own"
TABLES = "1 to 7, 9 to 12, or L"

EXPORT = "Export"
COREML = "Core ML"
MEASURE = "Measurement"
OUTPUT = "Output"
Against = Annotated[
    str | None,
    typer.Option(
        metavar="NETWORK|FILE",
        help=f"The network that it should be (of 'effmod list', or {OWN}), or the .onnx file that it was rewritten "
        "from.",
        show_default="its sidecar's",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Labelled images, a folder for each class, as in ImageNet's validation set: top-1 and top-5 of the file.",
        show_default=False,
    ),
]
Budget = Annotated[
    float,
    typer.Option(
        parser=parse_duration,
        metavar="DURATION",
        help="For all of it, such as 90s or 1h: what is not tried by then is left out.",
        show_default="10m",
        rich_help_panel=MEASURE,
    ),
]
TryTf32 = Annotated[
    bool,
    typer.Option("--tf32", help="On a GPU: try TF32 too, which is not equal.", rich_help_panel=MEASURE),
]
AllowMachineSpecific = Annotated[
    bool,
    typer.Option(
        "--allow-machine-specific",
        help="Try the graph that the runtime itself makes, which runs on this kind of processor and with this version "
        "of the runtime only.",
        rich_help_panel=MEASURE,
    ),
]
AllowInexact = Annotated[
    bool,
    typer.Option(
        "--allow-inexact",
        help="Try int8, too, and take it where it is faster: it is not equal to the network.",
        rich_help_panel=MEASURE,
    ),
]
DataForInexact = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="With --allow-inexact: labelled images, a folder for each class, to say how often such a file is right.",
        show_default=False,
        rich_help_panel=MEASURE,
    ),
]
DeviceName = Annotated[str, typer.Option("--device-name", help="Such as 'iPhone 13'.", show_default=False)]
System = Annotated[str, typer.Option("--os", help="Its system, such as 'iOS 17.5'.", show_default=False)]
Tool = Annotated[str, typer.Option("--tool", help="What measured it, such as 'ModelBench 1.0'.", show_default=False)]
MeanMs = Annotated[
    float | None,
    typer.Option("--mean-ms", help="Mean of one inference; this, or --p50-ms, or both.", show_default=False),
]
P50Ms = Annotated[float | None, typer.Option("--p50-ms", help="Median of one inference.", show_default=False)]
RunsBehind = Annotated[
    int | None, typer.Option("--runs", min=1, help="Inferences behind the figure.", show_default=False)
]
Note = Annotated[str, typer.Option("--note", help="What else is to be known of it.", show_default=False)]
