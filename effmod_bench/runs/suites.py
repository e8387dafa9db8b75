"""`effmod reproduce` without a suite: which there are, and how long each takes here."""

from collections.abc import Callable, Sequence

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.estimate import Timeline, guess_s
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.plan import RunPlan
from effmod_bench.screen.progress import in_words
from effmod_bench.suites import list_suites
from effmod_bench.suites.suite import Suite
from effmod_bench.targets.names import find_networks, is_file
from effmod_bench.targets.target import NetworkTarget
from models import UnknownModelError
from models.zoo.spec import is_own
from results import Device
from results.tables.table import Column, Note, Table


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A suite, as one chooses it.

    Attributes:
        about_s: seconds on this machine's CPU, the exports apart; None where only a run would tell.
    """

    suite: Suite
    about_s: float | None


_COLUMNS: tuple[Column[Offered], ...] = (
    Column(key="name", header="suite", get=lambda row: row.suite.name),
    Column(key="shows", header="the paper's", get=lambda row: row.suite.shows),
    Column(key="title", header="what it shows", get=lambda row: row.suite.title, spare=1),
    Column(key="devices", header="devices", get=lambda row: ", ".join(row.suite.devices), spare=2),
    Column(key="aliases", header="also called", get=lambda row: ", ".join(row.suite.aliases) or None, spare=4),
    Column(key="about_s", header="on this CPU", get=lambda row: row.about_s, show=in_words),
)


def suite_table(steps: Callable[[Suite], Sequence[tuple[RunPlan, bool]]]) -> Table[Offered]:
    """The paper's suites.

    Args:
        steps: the runs of a suite, as the options ask for them.
    """
    rows = tuple(Offered(suite=suite, about_s=_about_s(suite, steps)) for suite in list_suites().values())
    guessed = (
        "Times are guessed from multiply-adds, without the exports, which are kept; --quick takes about a tenth, and "
        "--dry-run says more of one suite."
    )
    drawn = "Figures 4 and 6 are drawn by 'effmod visualize IMAGE'."
    return Table(rows=rows, columns=_COLUMNS, notes=(Note(guessed, "about_s"), drawn), name="suites")


def _about_s(suite: Suite, steps: Callable[[Suite], Sequence[tuple[RunPlan, bool]]]) -> float | None:
    try:
        known = [_run_s(run) for run, _ in steps(suite) if run.plan.device is Device.CPU]
    except TargetError:  # what was asked is not for this suite
        return None
    return sum(s for s in known if s is not None) if known and None not in known else None


def _run_s(run: RunPlan) -> float | None:
    """By the multiply-adds of its networks, without building any."""
    macs = [_macs(name, choices) for choices in run.choices_by_size() for name in run.targets]
    if run.compared is not None:
        pairs = [guess_s(run.compared, (macs[0], other)) for other in macs[1:]]
        return sum(s for s in pairs if s is not None) if None not in pairs else None
    alone = Timeline(run.plan, macs).left_s()
    if run.anchor is None or alone is None:
        return alone
    anchor = _macs(run.anchor.target, run.choices)
    pairs = [guess_s(run.anchor.plan, (anchor, other)) for other in macs]
    return alone + sum(s for s in pairs if s is not None)


def _macs(name: str, choices: ExportChoices) -> int | None:
    base = name.partition("(")[0]
    if is_own(base) or is_file(base):
        return None
    try:
        (spec, *_) = find_networks([base])
    except (UnknownModelError, TargetError):
        return None
    return NetworkTarget(spec=spec, choices=choices, as_it_is=False).macs
