"""Options and arguments that several commands share: one option, one meaning."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from effmod_bench.errors import TargetError
from effmod_bench.targets import Purpose
from exporters import OLDEST_OPSET, Compression, ComputePrecision, DeploymentTarget, Format, InputKind
from results import ComputeUnits, GraphOptimization, Runtime
from results.tables.table import Shown
from results.tables.write import OutputFormat

# How networks are named that are not of the zoo.
_OWN = "timm:NAME for one of timm's, path/to/file.py:function for your own"
_TABLES = "1 to 7, 9 to 12, or L"

_EXPORT = "Export"
_COREML = "Core ML"
_MEASURE = "Measurement"
_OUTPUT = "Output"


def parse_percent(text: str | float) -> float:
    """A share: "5%" is 0.05. A default is a share already.

    Raises:
        typer.BadParameter: the text is no percentage; a bare 5 or 0.05 could be either.
    """
    if isinstance(text, float):
        return text
    number = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?%", text.strip())
    if number is None:
        raise typer.BadParameter(f"{text!r} is no percentage; write it as 5% or 0.5%")
    return float(number[1]) / 100


def parse_width(text: str | float) -> float:
    """The width of an interval, as a share.

    Raises:
        typer.BadParameter: the text is no percentage, or nothing, which no measurement reaches.
    """
    share = parse_percent(text)
    if share == 0:
        raise typer.BadParameter("no ratio is known to 0%, however long it is measured; write it as 1% or 0.5%")
    return share


def parse_duration(text: str | float) -> float:
    """Seconds: "90s", "10m" and "1.5h" are 90, 600 and 5400. A default is in seconds already.

    Raises:
        typer.BadParameter: the text is no duration, or none at all.
    """
    if isinstance(text, float):
        return text
    parts = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?([smh])", text.strip())
    if parts is None or float(parts[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no duration; write it as 90s, 10m or 1h")
    return float(parts[1]) * {"s": 1, "m": 60, "h": 3600}[parts[2]]


def check_folder(path: Path) -> Path:
    """The folder that the user named for files.

    Raises:
        typer.BadParameter: it looks like one of the files themselves.
    """
    if path.suffix in (".onnx", ".mlpackage") and not path.is_dir():
        raise typer.BadParameter(f"{path} is to be a folder, and effmod names the files in it; try {path.parent}")
    return path


def default_store() -> Path:
    return Path(os.environ.get("EFFMOD_STORE") or "effmod-results")


Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help=f"A network of 'effmod list', a pattern such as 'efficientmod_*', {_OWN}, or the path of an .onnx or "
        ".mlpackage. Without any: the four EfficientMod networks.",
        show_default=False,
    ),
]
ExportTargets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help=f"A network of 'effmod list', a pattern such as 'efficientmod_*', {_OWN}, or a path to an .onnx file to "
        "rewrite.",
        show_default=False,
    ),
]
Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help=f"A network of 'effmod list', or {_OWN}.", show_default=False)
]
StorePath = Annotated[
    Path,
    typer.Argument(
        metavar="[STORE]", help="A folder of records, as 'effmod bench' writes it; EFFMOD_STORE names another default."
    ),
]
StoreBefore = Annotated[
    Path, typer.Argument(metavar="BEFORE", help="A store, as 'effmod bench' writes it.", show_default=False)
]
StoreAfter = Annotated[
    Path, typer.Argument(metavar="AFTER", help="The store that is compared with it.", show_default=False)
]

ArtifactPath = Annotated[
    Path,
    typer.Argument(
        metavar="ARTIFACT",
        help="An .onnx file or an .mlpackage; with its sidecar, the network need not be named.",
        show_default=False,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="NETWORK|FILE",
        help=f"The network that it should be (of 'effmod list', or {_OWN}), or the .onnx file that it was rewritten "
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

FormatOption = Annotated[Format, typer.Option("--format", help="The kind of file.", rich_help_panel=_EXPORT)]
FormatForDevice = Annotated[
    Format | None,
    typer.Option("--format", help="The kind of file.", show_default="the device's", rich_help_panel=_EXPORT),
]
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
        help="Side of the square input in pixels.",
        rich_help_panel=_EXPORT,
        show_default="the network's own",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images in one inference.", rich_help_panel=_EXPORT)]
BatchSizes = Annotated[
    str,
    typer.Option(
        "--batch-size",
        metavar="N,...",
        help="Images in one inference; several, such as 1,2,4, are timed one by one.",
        rich_help_panel=_EXPORT,
    ),
]
DynamicBatch = Annotated[
    bool, typer.Option("--dynamic-batch", help="Leave the batch axis of the file open.", rich_help_panel=_EXPORT)
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH|pretrained",
        help="Trained weights: a .pth, .pth.tar or .safetensors file, or 'pretrained' for timm's own, which it fetches "
        "from the internet.",
        rich_help_panel=_EXPORT,
        show_default="random weights, seed 0",
    ),
]
Rewrite = Annotated[
    str | None,
    typer.Option(
        metavar="auto|none|NAME,...",
        help="Rewrites before the export: all exact ones, none, or some by name. For ONNX, auto leaves a network plain "
        "where channels_first and blocked_layout find nothing to change. "
        "Of an .onnx file: static_shapes, gelu, batch_norm, matmul_to_conv, simplify. ",
        rich_help_panel=_EXPORT,
        show_default="auto; none with --dynamic-batch and for float16 ONNX",
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="Say what each rewrite changed, and what it left alone and why; count the operators.",
        rich_help_panel=_EXPORT,
    ),
]
ListedTable = Annotated[
    str | None,
    typer.Option(
        "--table", help=f"Only networks of this table of the paper: {_TABLES} (Appendix L).", show_default=False
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
        help=f"All networks of this table of the paper: {_TABLES} (Appendix L).",
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
        "--compute-precision",
        help="Arithmetic of the file; float16 in ONNX is for GPUs.",
        rich_help_panel=_EXPORT,
        show_default="float16 for Core ML, float32 for ONNX",
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
OnnxRuntimeDevice = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="cpu|cuda[:N]",
        help="Where to run; of several GPUs the first, or number N.",
        rich_help_panel=_MEASURE,
    ),
]
ExaminedDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|cuda[:N]|coreml",
        help="Try this one alone, which is to work.",
        show_default="all, of which the CPU is to work",
    ),
]
RuntimeOption = Annotated[
    Runtime | None,
    typer.Option("--runtime", help="What runs it.", rich_help_panel=_MEASURE, show_default="the device's first"),
]
ComparedRuntime = Annotated[
    Runtime | None,
    typer.Option(
        "--runtime",
        metavar="onnxruntime|tensorrt",
        help="What runs them.",
        rich_help_panel=_MEASURE,
        show_default="onnxruntime",
    ),
]
ComputeUnitsOption = Annotated[
    ComputeUnits | None,
    typer.Option(
        "--compute-units",
        help="Processors that Core ML may use.",
        show_default="all",
        rich_help_panel=_MEASURE,
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
GraphOptimizationOption = Annotated[
    GraphOptimization,
    typer.Option(
        "--graph-optimization",
        help="How far ONNX Runtime may change the graph when it loads it.",
        rich_help_panel=_MEASURE,
    ),
]
NoSpinning = Annotated[
    bool,
    typer.Option(
        "--no-spinning",
        help="On a CPU: ONNX Runtime's threads sleep while they wait, and keep no core busy.",
        rich_help_panel=_MEASURE,
    ),
]
PreferNhwc = Annotated[
    bool,
    typer.Option(
        "--prefer-nhwc",
        help="On a GPU: let ONNX Runtime keep maps with the channels last.",
        rich_help_panel=_MEASURE,
    ),
]
AllowFallback = Annotated[
    bool,
    typer.Option(
        "--allow-fallback",
        help="On a GPU: accept a file of which the provider leaves work to another one, such as the CPU's.",
        rich_help_panel=_MEASURE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads within an operator.",
        rich_help_panel=_MEASURE,
        show_default="the paper's 4, or the number of cores where there are fewer",
    ),
]
Runs = Annotated[int, typer.Option(min=1, help="Timed inferences of each target.", rich_help_panel=_MEASURE)]
Rounds = Annotated[int, typer.Option(min=1, help="Fresh processes that they are split over.", rich_help_panel=_MEASURE)]
Warmup = Annotated[
    int,
    typer.Option(
        min=0,
        help="Inferences before the timed ones, in each process: at least so many, then until their median settles "
        "within 2 %, at most ten times as many or for 10 s. 0 for none.",
        rich_help_panel=_MEASURE,
    ),
]
PairWarmup = Annotated[
    int,
    typer.Option(
        "--warmup", min=0, help="Inferences of each before the timed ones, in each process.", rich_help_panel=_MEASURE
    ),
]
Seed = Annotated[int, typer.Option(help="Of the order in which the rounds are run.", rich_help_panel=_MEASURE)]
PairSeed = Annotated[
    int,
    typer.Option("--seed", help="Of the order of loading and of the runs, and the cores.", rich_help_panel=_MEASURE),
]
MeasuredTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        help=f"All networks of this table of the paper ({_TABLES}), in the plain form, shown beside its figures.",
        rich_help_panel=_MEASURE,
        show_default=False,
    ),
]
AnchorOption = Annotated[
    str | None,
    typer.Option(
        "--anchor",
        metavar="TARGET|none",
        help="Time every target in turn with this one as well (any that 'effmod bench' takes), in the same processes, "
        "for a ratio that a noisy machine does not spoil.",
        show_default="efficientmod_xxs with --table and ONNX Runtime, else none",
        rich_help_panel=_MEASURE,
    ),
]
AnchorProcesses = Annotated[
    int | None,
    typer.Option(
        "--processes",
        min=2,
        help="Fresh processes of each target with its anchor; with --until, the fewest (6 or more).",
        show_default="6",
        rich_help_panel=_MEASURE,
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
Control = Annotated[
    bool,
    typer.Option(
        "--control",
        help="Compare the first with itself, too: what the machine makes of no difference.",
        rich_help_panel=_MEASURE,
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        min=2,
        help="Fresh processes of each comparison; with --until, the fewest (6 or more).",
        rich_help_panel=_MEASURE,
    ),
]
Blocks = Annotated[
    int,
    typer.Option(
        min=1, help="Timed in each process: blocks of four runs, A B B A or B A A B.", rich_help_panel=_MEASURE
    ),
]
Margin = Annotated[
    float,
    typer.Option(
        parser=parse_percent,
        metavar="PERCENT",
        help="A smaller difference counts as none.",
        show_default="0.5%",
        rich_help_panel=_MEASURE,
    ),
]
Until = Annotated[
    float | None,
    typer.Option(
        parser=parse_width,
        metavar="PERCENT",
        help="Add processes until the ratio is known to this, plus or minus, such as 1%; looking repeatedly is paid "
        "for in the interval.",
        show_default=False,
        rich_help_panel=_MEASURE,
    ),
]
MaxTime = Annotated[
    float | None,
    typer.Option(
        parser=parse_duration,
        metavar="DURATION",
        help="With --until: begin no process once they have taken so long in all, such as 90s or 1h.",
        show_default="10m; for 'bench', 10m for each target",
        rich_help_panel=_MEASURE,
    ),
]
FailIfSlower = Annotated[
    float | None,
    typer.Option(
        parser=parse_percent,
        metavar="PERCENT",
        help="Exit with 4 where a target is found slower than the first, by more than this.",
        show_default=False,
        rich_help_panel=_MEASURE,
    ),
]
FailIfSlowerAfter = Annotated[
    float | None,
    typer.Option(
        parser=parse_percent,
        metavar="PERCENT",
        help="Exit with 4 where a row of the first store is found slower in the second, by more than this, or "
        "cannot be judged.",
        show_default=False,
        rich_help_panel=_MEASURE,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would be exported and run, and about how long it takes.", rich_help_panel=_MEASURE
    ),
]
RoundTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.1,
        help="End a round, or a comparison's process, that takes longer, and go on with the next.",
        rich_help_panel=_MEASURE,
        show_default="10 times what it should take, and a minute at least",
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help="Give up where another effmod measures on this machine; EFFMOD_LOCK names another file to agree by.",
        rich_help_panel=_MEASURE,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Measure what is missing or failed in the store's latest run of this command, or in the run that is named "
        "in the targets' place.",
        rich_help_panel=_MEASURE,
    ),
]

TunedTarget = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help=f"A network of 'effmod list', {_OWN}, or a path to an .onnx file.", show_default=False
    ),
]
Budget = Annotated[
    float,
    typer.Option(
        parser=parse_duration,
        metavar="DURATION",
        help="For all of it, such as 90s or 1h: what is not tried by then is left out.",
        show_default="10m",
        rich_help_panel=_MEASURE,
    ),
]
TryTf32 = Annotated[
    bool,
    typer.Option("--tf32", help="On a GPU: try TF32 too, which is not equal.", rich_help_panel=_MEASURE),
]
AllowMachineSpecific = Annotated[
    bool,
    typer.Option(
        "--allow-machine-specific",
        help="Try the graph that the runtime itself makes, which runs on this kind of processor and with this version "
        "of the runtime only.",
        rich_help_panel=_MEASURE,
    ),
]
AllowInexact = Annotated[
    bool,
    typer.Option(
        "--allow-inexact",
        help="Try int8, too, and take it where it is faster: it is not equal to the network.",
        rich_help_panel=_MEASURE,
    ),
]
DataForInexact = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="With --allow-inexact: labelled images, a folder for each class, to say how often such a file is right.",
        show_default=False,
        rich_help_panel=_MEASURE,
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
DeviceName = Annotated[str, typer.Option("--device-name", help="Such as 'iPhone 13'.", show_default=False)]
System = Annotated[str, typer.Option("--os", help="Its system, such as 'iOS 17.5'.", show_default=False)]
UsedComputeUnits = Annotated[
    ComputeUnits | None,
    typer.Option("--compute-units", help="Where Core ML ran it: the processors that it might use.", show_default=False),
]
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
Only = Annotated[
    Shown | None,
    typer.Option("--only", help="One of the store's tables.", show_default="all", rich_help_panel=_OUTPUT),
]
ShownTable = Annotated[
    str | None,
    typer.Option(
        "--table", help="Show the measurements as this table of the paper.", show_default=False, rich_help_panel=_OUTPUT
    ),
]
ShownRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="Show one run by itself, by its id; without it, the runs of one file on one machine are one row.",
        show_default=False,
        rich_help_panel=_OUTPUT,
    ),
]
OutputFolder = Annotated[
    Path,
    typer.Option(
        "--output", help="Folder for the file and its sidecar.", callback=check_folder, rich_help_panel=_OUTPUT
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.", rich_help_panel=_OUTPUT)]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, help="More columns and notes.", rich_help_panel=_OUTPUT, show_default=False
    ),
]

_WITH_RESUME = {"targets", "resume", "round_timeout", "no_wait", "store", "output_format", "quiet", "verbose"}


def run_to_resume(context: typer.Context, targets: list[str] | None) -> str | None:
    """The run that the user named beside --resume; None for the latest.

    Raises:
        TargetError: there is an option that the run has a value of its own for, or more than one run.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in _WITH_RESUME:
            raise TargetError(
                f"{parameter.opts[0]} does not go with --resume: a run goes on as it began; leave it out, or begin "
                "a new run, without --resume"
            )
    if targets and len(targets) > 1:
        raise TargetError(f"--resume takes one run, not {len(targets)}: {', '.join(targets)}")
    return targets[0] if targets else None
