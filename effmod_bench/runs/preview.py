"""What `effmod bench --dry-run` says: what would be exported and run, and about how long it takes."""

from collections.abc import Iterator, Sequence

import msgspec

from effmod_bench.instrument.estimate import Timeline, guess_s
from effmod_bench.instrument.schedule import ways
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.plan import RunPlan
from effmod_bench.screen.progress import in_words
from effmod_bench.targets.target import DenseTarget, FileTarget, Target
from results import ComparisonPlan, Store
from results.statistics.looks import next_look
from results.tables.table import Column, Table
from results.tables.words import counted, digits

# From torch's start to the last check, by image size 224 on two cores: for this estimate only.
_EXPORT_S = 12.0


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What `effmod bench` would do with one target.

    Attributes:
        threads: None where the runtime chooses them itself.
        about_s: None for a file of which nothing is known, and where only a run would tell.
    """

    name: str
    action: str
    image_size: int | None
    batch_size: int
    threads: int | None
    runs: int
    about_s: float | None


_COLUMNS: tuple[Column[PlannedRun], ...] = (
    Column(key="name", header="target", get=lambda row: row.name),
    Column(key="action", header="file", get=lambda row: row.action),
    Column(key="image_size", header="image\nsize", spare=2, get=lambda row: row.image_size),
    Column(key="batch_size", header="batch", get=lambda row: row.batch_size),
    Column(key="threads", header="threads", spare=1, get=lambda row: row.threads),
    Column(key="runs", header="runs", get=lambda row: row.runs),
    Column(key="about_s", header="about\ns", get=lambda row: row.about_s, show=digits(0)),
)


def preview(run: RunPlan, store: Store) -> Table[PlannedRun]:
    """What measuring would do, and about how long it would take; nothing is exported or measured.

    Raises:
        UnknownModelError, ImageSizeError, TargetError, ArtifactError: as measuring would.
    """
    found = find_targets(run)
    rows = [row for target in found.targets for row in _planned(run, target, found.anchor, found.targets[0])]
    plan, processes = run.plan, min(run.plan.rounds, run.plan.runs)
    note = f"{_where(run)}; "
    if run.compared is not None:
        note += f"each in turn with the first, {_pairs_in_words(run.compared)}; "
    else:
        note += f"{plan.runs} runs each, split over {counted(processes, 'process', 'processes')}; "
    note += (
        ("all of it twice, with subnormal numbers taken for zero and without; " if len(ways(plan)) > 1 else "")
        + (f"then each in turn with {run.anchor.target}, processes of its own; " if run.anchor else "")
        + f"{_time_in_words(run, rows)}; records go to {store.path}"
    )
    left_out = (f"{what} is left out: {error}" for what, error in found.left_out.items())
    return Table(rows=tuple(rows), columns=_COLUMNS, notes=(note, *left_out))


def _where(run: RunPlan) -> str:
    plan, index = run.plan, run.plan.options.device_index
    device = f"{plan.device}:{index}" if index else str(plan.device)
    threads = threads_to_use(plan)
    if run.threads:
        return f"{device}, {', '.join(map(str, run.threads[:-1]))} and {run.threads[-1]} threads"
    return device if threads is None else f"{device}, {counted(threads, 'thread')}"


def _time_in_words(run: RunPlan, rows: Sequence[PlannedRun]) -> str:
    known = [row.about_s for row in rows if row.about_s is not None]
    at_most = "" if run.max_time_s is None else f", of which the rounds are given {run.max_time_s:.0f} s"
    if not known:
        return f"how long it takes is unknown until it runs{at_most}"
    others = "" if len(known) == len(rows) else ", and the files of which nothing is known"
    return f"{in_words(sum(known))} in all{others}{at_most}"


def _pairs_in_words(plan: ComparisonPlan) -> str:
    processes = counted(next_look(plan, 0).processes, "process", "processes")
    return f"{processes} with {2 * plan.blocks} runs of each"


def _planned(run: RunPlan, target: Target, anchor: Target | None, first: Target) -> Iterator[PlannedRun]:
    """A row for each number of threads; the file is made for the first.

    Args:
        first: of the targets, with which a comparison's others are timed in turn.
    """
    size: int | None
    if isinstance(target, DenseTarget):
        export_s, action = (0.0, "cached") if target.is_cached else (_EXPORT_S, "to be made")
        name, batch, size = target.name, 1, None
    elif isinstance(target, FileTarget):
        artifact = target.read.artifact
        export_s, action = 0.0, "as it is"
        name, batch, size = artifact.name, artifact.batch_size, None
    else:
        export_s, action = (0.0, "cached") if target.is_cached else (_EXPORT_S, "to be exported")
        name, batch, size = target.name, target.config.batch_size, target.config.image_size
    pairs_s = (
        guess_s(run.anchor.plan, (anchor.macs, target.macs)) if run.anchor and anchor and anchor != target else 0.0
    )
    for threads in run.threads or (run.plan.threads,):
        plan = msgspec.structs.replace(run.plan, threads=threads)
        if run.compared is None:
            runs, measure_s = plan.runs, Timeline(plan, [target.macs]).left_s()
        else:
            runs = 2 * run.compared.blocks * next_look(run.compared, 0).processes
            measure_s = 0.0 if target == first else guess_s(run.compared, (first.macs, target.macs))
        yield PlannedRun(
            name=name,
            action=action,
            image_size=size,
            batch_size=batch,
            threads=threads_to_use(plan),
            runs=runs,
            about_s=None if measure_s is None or pairs_s is None else measure_s + pairs_s + export_s,
        )
        export_s = 0.0
