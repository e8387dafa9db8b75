"""Options of how often and how long something is timed."""

from typing import Annotated

import typer

from effmod_bench.errors import TargetError
from effmod_bench.options.parse import parse_duration, parse_percent, parse_width
from effmod_bench.options.words import MEASURE, TABLES

Runs = Annotated[int, typer.Option(min=1, help="Timed inferences of each target.", rich_help_panel=MEASURE)]
Rounds = Annotated[int, typer.Option(min=1, help="Fresh processes that they are split over.", rich_help_panel=MEASURE)]
Warmup = Annotated[
    int,
    typer.Option(
        min=0,
        help="Inferences before the timed ones, in each process: at least so many, then until their median settles "
        "within 2 %, at most ten times as many or for 10 s. 0 for none.",
        rich_help_panel=MEASURE,
    ),
]
PairWarmup = Annotated[
    int,
    typer.Option(
        "--warmup", min=0, help="Inferences of each before the timed ones, in each process.", rich_help_panel=MEASURE
    ),
]
Seed = Annotated[int, typer.Option(help="Of the order in which the rounds are run.", rich_help_panel=MEASURE)]
PairSeed = Annotated[
    int,
    typer.Option("--seed", help="Of the order of loading and of the runs, and the cores.", rich_help_panel=MEASURE),
]
MeasuredTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        help=f"All networks of this table of the paper ({TABLES}), in the plain form, shown beside its figures.",
        rich_help_panel=MEASURE,
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
        rich_help_panel=MEASURE,
    ),
]
AnchorProcesses = Annotated[
    int | None,
    typer.Option(
        "--processes",
        min=2,
        help="Fresh processes of each target with its anchor; with --until, the fewest (6 or more).",
        show_default="6",
        rich_help_panel=MEASURE,
    ),
]
Control = Annotated[
    bool,
    typer.Option(
        "--control",
        help="Compare the first with itself, too: what the machine makes of no difference.",
        rich_help_panel=MEASURE,
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        min=2,
        help="Fresh processes of each comparison; with --until, the fewest (6 or more).",
        rich_help_panel=MEASURE,
    ),
]
Blocks = Annotated[
    int,
    typer.Option(
        min=1, help="Timed in each process: blocks of four runs, A B B A or B A A B.", rich_help_panel=MEASURE
    ),
]
Margin = Annotated[
    float,
    typer.Option(
        parser=parse_percent,
        metavar="PERCENT",
        help="A smaller difference counts as none.",
        show_default="0.5%",
        rich_help_panel=MEASURE,
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
        rich_help_panel=MEASURE,
    ),
]
MaxTime = Annotated[
    float | None,
    typer.Option(
        parser=parse_duration,
        metavar="DURATION",
        help="With --until: begin no process once they have taken so long in all, such as 90s or 1h.",
        show_default="10m; for 'bench', 10m for each target",
        rich_help_panel=MEASURE,
    ),
]
FailIfSlower = Annotated[
    float | None,
    typer.Option(
        parser=parse_percent,
        metavar="PERCENT",
        help="Exit with 4 where a target is found slower than the first, by more than this.",
        show_default=False,
        rich_help_panel=MEASURE,
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
        rich_help_panel=MEASURE,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would be exported and run, and about how long it takes.", rich_help_panel=MEASURE
    ),
]
RoundTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.1,
        help="End a round, or a comparison's process, that takes longer, and go on with the next.",
        rich_help_panel=MEASURE,
        show_default="10 times what it should take, and a minute at least",
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help="Give up where another effmod measures on this machine; EFFMOD_LOCK names another file to agree by.",
        rich_help_panel=MEASURE,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Measure what is missing or failed in the store's latest run of this command, or in the run that is named "
        "in the targets' place.",
        rich_help_panel=MEASURE,
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
