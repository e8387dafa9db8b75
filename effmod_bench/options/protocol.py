"""Options of how often and how long something is timed."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.isolation.limit import TIMEOUT_S
from effmod_bench.options.option import FILE, OUTPUT, PRECISELY, WHERE, but, option
from effmod_bench.options.parse import Until, parse_duration, parse_percent, parse_until
from effmod_bench.options.words import complete_network

Runs = Annotated[int, option(metavar="N", min=1, help="Timed inferences of each target.", panel=PRECISELY)]
RoundCount = Annotated[
    int, option("--rounds", metavar="N", min=1, help="Fresh processes that they are split over.", panel=PRECISELY)
]
DryRun = Annotated[
    bool,
    option("--dry-run", help="Say what would be exported and run, and about how long it takes.", panel=PRECISELY),
]
Warmup = Annotated[
    int,
    option(
        metavar="N",
        min=0,
        help="Inferences before the timed ones, in each process: at least so many, then until their median settles "
        "within 2 %, at most ten times as many or for 10 s. 0 for none.",
        panel=PRECISELY,
        rare=True,
    ),
]
Resume = Annotated[
    bool,
    option(
        "--resume",
        help="Measure what is missing or failed in the store's latest run of this command, or in that which is "
        "named in the targets' place.",
        panel=OUTPUT,
    ),
]
Seed = Annotated[
    int,
    option(
        metavar="N",
        help="Of the order of the rounds, and of the draw of a cluster's nodes.",
        panel=PRECISELY,
        rare=True,
    ),
]
Processes = Annotated[
    int | None,
    option(
        metavar="N",
        min=2,
        help="Fresh processes of each comparison; with --until, the fewest (12 or more for a width).",
        show_default="6",
        panel=PRECISELY,
    ),
]
Margin = Annotated[
    float,
    option(
        parser=parse_percent,
        metavar="PERCENT",
        help="A smaller difference counts as none.",
        show_default="0.5%",
        panel=PRECISELY,
    ),
]
FailIfSlower = Annotated[
    float | None,
    option(
        parser=parse_percent,
        metavar="PERCENT",
        help="A gate: exit with 4 unless each target is known to be no more than this slower than the first.",
        show_default=False,
        panel=PRECISELY,
    ),
]


class Undecided(StrEnum):
    """What becomes of a gate where nobody can say whether the limit is kept."""

    FAIL = "fail"
    PASS = "pass"


UndecidedOption = Annotated[
    Undecided,
    option(
        "--undecided",
        help="What --fail-if-slower makes of a target of which too little is known: exit with 4, or let it pass.",
        panel=PRECISELY,
        rare=True,
    ),
]
NoWait = Annotated[
    bool,
    option(
        "--no-wait",
        help="Give up where another effmod measures on this machine; EFFMOD_LOCK names another file to agree by.",
        panel=WHERE,
        rare=True,
    ),
]


Timeout = Annotated[
    float,
    option(
        parser=parse_duration,
        metavar="DURATION",
        help="Give up on a file or network of which one step takes longer: loading it, making it, proving it, a batch "
        "of images.",
        show_default="30m",
        panel=FILE,
        rare=True,
    ),
]


class Rounds(msgspec.Struct, frozen=True, kw_only=True):
    """How often one artifact is timed by itself."""

    runs: Runs = 4000
    rounds: RoundCount = 5
    warmup: Warmup = 50
    seed: Seed = 0
    anchor: Annotated[
        str | None,
        option(
            metavar="TARGET|none",
            help="Time each target in turn with this one as well: a ratio that a noisy machine does not spoil.",
            show_default="efficientmod_xxs with --table",
            panel=PRECISELY,
            autocompletion=complete_network,
        ),
    ] = None
    processes: Annotated[
        int | None,
        but(
            Processes,
            help="Fresh processes of each target with its anchor; with --until, the fewest (12 or more for a width).",
            hidden=True,
        ),
    ] = None


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """How often two artifacts are timed in turn, and what is made of it."""

    processes: Processes = None
    blocks: Annotated[
        int,
        option(
            metavar="N",
            min=1,
            help="Timed in each process: blocks of four runs, A B B A or B A A B.",
            panel=PRECISELY,
            rare=True,
        ),
    ] = 60
    warmup: Annotated[int, but(Warmup, help="Inferences of each before the timed ones, in each process.")] = 20
    seed: Annotated[
        int, but(Seed, help="Of the order of loading and runs, of the cores, and of a cluster's nodes.")
    ] = 0
    control: Annotated[
        bool,
        option(
            "--control",
            help="Compare the first with itself, too: what the machine makes of no difference.",
            panel=PRECISELY,
        ),
    ] = False
    spread: Annotated[
        float | None,
        option(
            parser=parse_duration,
            metavar="DURATION",
            help="Spread the processes over so much time, such as 15m, and wait in between: a machine may keep one "
            "speed for minutes.",
            show_default=False,
            panel=PRECISELY,
            rare=True,
        ),
    ] = None
    margin: Margin = 0.005
    fail_if_slower: FailIfSlower = None
    undecided: UndecidedOption = Undecided.FAIL


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long is waited for one thing, and whether what was cut short goes on."""

    round_timeout: Annotated[
        float | None,
        option(
            metavar="SECONDS",
            min=0.1,
            help="End a round, or a comparison's process, that takes longer, and go on with the next.",
            show_default="10 times what it should take, and a minute at least",
            panel=PRECISELY,
            rare=True,
        ),
    ] = None
    timeout: Timeout = TIMEOUT_S
    no_wait: NoWait = False
    resume: Resume = False


Width = Annotated[
    Until | None,
    option(
        parser=parse_until,
        metavar="PERCENT|decided",
        help="Add processes until the ratio is known to this, plus or minus, such as 1%, or until the gate of "
        "'effmod compare --fail-if-slower' is decided; looking repeatedly is paid for in the interval.",
        show_default=False,
        panel=PRECISELY,
        rare=True,
    ),
]


class Limits(Patience, frozen=True, kw_only=True):
    """How long it goes on, and whether it goes on with what was cut short."""

    until: Width = None
    max_time: Annotated[
        float | None,
        option(
            parser=parse_duration,
            metavar="DURATION",
            help="Begin no round or process after so long in all, such as 90s or 1h.",
            show_default="none; 10m with --until",
            panel=PRECISELY,
        ),
    ] = None

    @property
    def width(self) -> float | None:
        """Of the interval, that it goes on for."""
        return None if self.until is None else self.until.width

    @property
    def until_decided(self) -> bool:
        """Whether it goes on for a gate."""
        return self.until is not None and self.until.width is None


def check_gate(undecided: Undecided, fail_if_slower: float | None) -> None:
    """Refuse what is for a gate where there is none.

    Raises:
        TargetError: it was given.
    """
    if undecided is not Undecided.FAIL and fail_if_slower is None:
        raise TargetError(f"--undecided {undecided} is for a gate: add --fail-if-slower 5%, or another limit")


# What a run that goes on takes anew: it has a value of its own for all else.
_WITH_RESUME = {
    "--resume",
    "--round-timeout",
    "--timeout",
    "--no-wait",
    "--on",
    "--same-versions",
    "--store",
    "--output-format",
    "--columns",
    "--sort",
    "--limit",
    "--quiet",
    "--verbose",
}


def run_to_resume(written: Sequence[str], targets: Sequence[str] | None) -> str | None:
    """The run that the user named beside --resume; None for the latest.

    Args:
        written: the options that he wrote.

    Raises:
        TargetError: there is an option that the run has a value of its own for, or more than one run.
    """
    for name in written:
        if name not in _WITH_RESUME:
            raise TargetError(
                f"{name} does not go with --resume: a run goes on as it began; leave it out, or begin "
                "a new run, without --resume"
            )
    if targets and len(targets) > 1:
        raise TargetError(f"--resume takes one run, not {len(targets)}: {', '.join(targets)}")
    return targets[0] if targets else None


class PairLimits(Limits, frozen=True, kw_only=True):
    """The same of a comparison, for which --until is no rare option."""

    until: Annotated[
        Until | None,
        but(
            Width,
            hidden=False,
            help="Add processes until the ratio is known to this, plus or minus, such as 1%, or until --fail-if-slower "
            "is decided; looking repeatedly is paid for in the interval.",
        ),
    ] = None
