"""Options and arguments that several commands share: one option, one meaning."""

import os
from pathlib import Path
from typing import Annotated

import typer

from effmod_bench.targets import Purpose
from exporters import OLDEST_OPSET, Compression, ComputePrecision, DeploymentTarget, Format, InputKind
from results import Runtime
from results.tables import OutputFormat

_EXPORT = "Export"
_COREML = "Core ML"
_MEASURE = "Measurement"
_OUTPUT = "Output"


def default_store() -> Path:
    return Path(os.environ.get("EFFMOD_STORE") or "effmod-results")


Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="A network of 'effmod list', a pattern such as 'efficientmod_*', or a path to an .onnx file. "
        "Without any: the four EfficientMod networks.",
        show_default=False,
    ),
]
Networks = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NETWORK]...",
        help="A network of 'effmod list', or a pattern such as 'efficientmod_*'.",
        show_default=False,
    ),
]
Network = Annotated[str, typer.Argument(metavar="NETWORK", help="A network of 'effmod list'.", show_default=False)]
StorePath = Annotated[
    Path, typer.Argument(metavar="STORE", help="A folder of records, as 'effmod bench' writes it.", show_default=False)
]

FormatOption = Annotated[Format, typer.Option("--format", help="The kind of file.", rich_help_panel=_EXPORT)]
Opset = Annotated[
    int,
    typer.Option(
        min=OLDEST_OPSET, help=f"Version of the ONNX operators, {OLDEST_OPSET} or later.", rich_help_panel=_EXPORT
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Side of the square input in pixels. [default: the network's own]",
        rich_help_panel=_EXPORT,
        show_default=False,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images in one inference.", rich_help_panel=_EXPORT)]
DynamicBatch = Annotated[
    bool, typer.Option("--dynamic-batch", help="Leave the batch axis of the file open.", rich_help_panel=_EXPORT)
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH|pretrained",
        help="Trained weights: a .pth, .pth.tar or .safetensors file, or 'pretrained' for timm's own, which it fetches "
        "from the internet. [default: random weights, seed 0]",
        rich_help_panel=_EXPORT,
        show_default=False,
    ),
]
Rewrite = Annotated[
    str | None,
    typer.Option(
        metavar="auto|none|NAME,...",
        help="Rewrites before the export: all exact ones, none, or some by name. "
        "[default: auto for Core ML, none for ONNX]",
        rich_help_panel=_EXPORT,
        show_default=False,
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help="Say what each rewrite changed, and what it left alone and why.", rich_help_panel=_EXPORT
    ),
]
NoSimplify = Annotated[
    bool, typer.Option("--no-simplify", help="Do not pass the graph through onnxsim.", rich_help_panel=_EXPORT)
]
InputShape = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME:]1,3,224,224",
        help="Shape of an input that an .onnx file leaves open. Once for each such input.",
        rich_help_panel=_EXPORT,
        show_default=False,
    ),
]
TableOfPaper = Annotated[
    str | None,
    typer.Option(
        "--table",
        help="All networks of this table of the paper: 1, 2, ..., 12, or L (Appendix L).",
        rich_help_panel=_EXPORT,
        show_default=False,
    ),
]

Target = Annotated[
    DeploymentTarget | None,
    typer.Option("--target", help="The oldest system to run on.", show_default="iOS16", rich_help_panel=_COREML),
]
Precision = Annotated[
    ComputePrecision | None,
    typer.Option(
        "--compute-precision", help="Arithmetic of the package.", show_default="float16", rich_help_panel=_COREML
    ),
]
InputOption = Annotated[
    InputKind | None,
    typer.Option(
        "--input",
        help="An RGB image, or the tensor that is normalized already.",
        show_default="image",
        rich_help_panel=_COREML,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Names of the classes, one a line, in their order: the package becomes a classifier.",
        rich_help_panel=_COREML,
        show_default=False,
    ),
]
Softmax = Annotated[
    bool,
    typer.Option("--softmax", help="End in a softmax: probabilities instead of logits.", rich_help_panel=_COREML),
]
CompressOption = Annotated[
    Compression | None,
    typer.Option(
        "--compress",
        help="Store the weights in 8 or 6 bits; outputs are then not equal to the network's.",
        show_default="none",
        rich_help_panel=_COREML,
    ),
]
PurposeOption = Annotated[
    Purpose | None,
    typer.Option("--for", help="Make what Apple's ModelBench app takes: iOS 15, an image.", rich_help_panel=_COREML),
]

DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="cpu|cuda[:N]|coreml",
        help="Where to run; of several GPUs the first, or number N.",
        rich_help_panel=_MEASURE,
    ),
]
RuntimeOption = Annotated[
    Runtime | None,
    typer.Option(
        "--runtime", help="What runs it. [default: the device's first]", rich_help_panel=_MEASURE, show_default=False
    ),
]
IncludeTransfers = Annotated[
    bool,
    typer.Option(
        "--include-transfers",
        help="On a GPU: time the copies of input and output as well, as the paper did with the input.",
        rich_help_panel=_MEASURE,
    ),
]
CudaGraph = Annotated[
    bool,
    typer.Option("--cuda-graph", help="On a GPU: capture the inference once, and replay it.", rich_help_panel=_MEASURE),
]
Tf32 = Annotated[
    bool,
    typer.Option(
        "--tf32",
        help="On a GPU: let it round the factors of float32 products to 10 bits.",
        rich_help_panel=_MEASURE,
    ),
]
AllowCpuNodes = Annotated[
    bool,
    typer.Option(
        "--allow-cpu-nodes",
        help="On a GPU: time a file of which ONNX Runtime leaves real work to the CPU.",
        rich_help_panel=_MEASURE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads within an operator. [default: the paper's 4, or the number of cores where there are fewer]",
        rich_help_panel=_MEASURE,
        show_default=False,
    ),
]
Runs = Annotated[int, typer.Option(min=1, help="Timed inferences of each target.", rich_help_panel=_MEASURE)]
Rounds = Annotated[int, typer.Option(min=1, help="Fresh processes that they are split over.", rich_help_panel=_MEASURE)]
Warmup = Annotated[
    int, typer.Option(min=0, help="Inferences before the clock starts, in each process.", rich_help_panel=_MEASURE)
]
Seed = Annotated[int, typer.Option(help="Of the order in which the rounds are run.", rich_help_panel=_MEASURE)]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would be exported and run, and about how long it takes.", rich_help_panel=_MEASURE
    ),
]

StoreOption = Annotated[
    Path,
    typer.Option(
        "--store", help="Folder for the records; EFFMOD_STORE names another default.", rich_help_panel=_OUTPUT
    ),
]
OutputFormatOption = Annotated[
    OutputFormat,
    typer.Option(
        "--output-format",
        help="How to print the table; all but 'table' leave nothing else on stdout.",
        rich_help_panel=_OUTPUT,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.", rich_help_panel=_OUTPUT)]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, help="More columns and notes.", rich_help_panel=_OUTPUT, show_default=False
    ),
]
