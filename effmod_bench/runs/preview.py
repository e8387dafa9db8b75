"""What `effmod bench --dry-run` says: what would be exported and run, and about how long it takes."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from effmod_bench.instrument.estimate import Timeline, guess_s
from effmod_bench.instrument.schedule import ways
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.runs.expected import Pace, kinds_of, pace_of, slowest
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.plan import RunPlan
from effmod_bench.screen.progress import in_words
from effmod_bench.targets.target import DenseTarget, FileTarget, Target, UnbuiltTarget
from results import ComparisonPlan, Runtime, RuntimeOptions, Store
from results.frame import read_contents
from results.statistics.looks import next_look
from results.tables.table import Column, Table
from results.tables.words import counted, digits

# From torch's start to the last check, by image size 224 on two cores: for this estimate only.
_EXPORT_S = 12.0


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What `effmod bench` would do with one target.

    Attributes:
        runtime: that runs it; None where one runs all.
        threads: None where the runtime chooses them itself.
        about_s: None for a file of which nothing is known, and where only a run would tell.
        making_s: of these, what making the file takes.
        about_by_kind: the others, of each kind of places; of this machine by no name.
    """

    name: str
    runtime: Runtime | None
    action: str
    image_size: int | None
    batch_size: int
    threads: int | None
    runs: int
    about_s: float | None
    making_s: float
    about_by_kind: dict[str, float | None]


_COLUMNS: tuple[Column[PlannedRun], ...] = (
    Column(key="name", header="target", get=lambda row: row.name),
    Column(key="runtime", header="runtime", get=lambda row: row.runtime),
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
    paces = _paces(run, store)
    ways_of_each = list(zip(found.targets, found.options, strict=True))
    rows = [row for each in ways_of_each for row in _planned(run, each, found.anchor, ways_of_each[0], paces)]
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
    elsewhere = [_elsewhere_in_words(run, paces, rows)] if run.places else []
    left_out = (f"{what} is left out: {error}" for what, error in found.left_out.items())
    return Table(rows=tuple(rows), columns=_COLUMNS, notes=(note, *elsewhere, *left_out), name="plan")


def _paces(run: RunPlan, store: Store) -> dict[str, Pace | None]:
    """What is known of each kind of place; empty on this machine, whose speed is guessed."""
    if not run.places:
        return {}
    rounds = read_contents(store).rounds if store.path.is_dir() else ()
    return {kind: pace_of(kind, run, rounds) for kind in kinds_of(run)}


def _elsewhere_in_words(run: RunPlan, paces: Mapping[str, Pace | None], rows: Sequence[PlannedRun]) -> str:
    """How long each kind of place takes, all of them at once; and what would tell of those that nothing tells of."""
    every = []
    for kind, count in kinds_of(run).items():
        of_kind = [row.about_by_kind.get(kind) for row in rows]
        known = [each for each in of_kind if each is not None]
        time = in_words(sum(known)) if known and len(known) == len(of_kind) else "unknown"
        every.append(f"{time} on each of {count} of {kind}" if run.drawn else f"{time} on {kind}")
    unknown = [kind for kind, pace in paces.items() if pace is None]
    said = f"All places work at once: {', '.join(every)}, besides making the files here."
    if unknown:
        said += (
            f" Nothing in the store tells of {', '.join(unknown)}: measure one network on one of each, "
            "into it, and ask again."
        )
    return said


def _where(run: RunPlan) -> str:
    if run.places:
        return f"{run.plan.device} of {counted(len(run.places), 'place')}: {', '.join(run.places)}"
    plan, index = run.plan, run.plan.options.device_index
    device = f"{plan.device}:{index}" if index else str(plan.device)
    threads = threads_to_use(plan)
    if run.threads:
        return f"{device}, {', '.join(map(str, run.threads[:-1]))} and {run.threads[-1]} threads"
    return device if threads is None else f"{device}, {counted(threads, 'thread')}"


def _time_in_words(run: RunPlan, rows: Sequence[PlannedRun]) -> str:
    known = [row for row in rows if row.about_s is not None]
    at_most = "" if run.max_time_s is None else f", of which the rounds are given {run.max_time_s:.0f} s"
    if not known:
        return f"how long it takes is unknown until it runs{at_most}"
    others = "" if len(known) == len(rows) else ", and the files of which nothing is known"
    return f"{in_words(_all_s(known))} in all{others}{at_most}"


def _all_s(rows: Sequence[PlannedRun]) -> float:
    """Until all of these are done. No kind of places waits for another one: each goes through all rows by itself."""
    by_kind = zip(*(row.about_by_kind.values() for row in rows), strict=True)
    return sum(row.making_s for row in rows) + max(sum(filter(None, of_kind)) for of_kind in by_kind)


def _pairs_in_words(plan: ComparisonPlan) -> str:
    processes = counted(next_look(plan, 0).processes, "process", "processes")
    return f"{processes} with {2 * plan.blocks} runs of each"


def _planned(
    run: RunPlan,
    each: tuple[Target, RuntimeOptions],
    anchor: Target | None,
    baseline: tuple[Target, RuntimeOptions],
    paces: Mapping[str, Pace | None],
) -> Iterator[PlannedRun]:
    """A row for each number of threads; the file is made for the first.

    Args:
        each: what is timed, and how it is run.
        baseline: the first of these, with which a comparison's others are timed in turn.
        paces: of kinds of places elsewhere; empty for this machine.
    """
    (target, options), (first, _) = each, baseline
    size: int | None
    if isinstance(target, DenseTarget):
        export_s, action = (0.0, "cached") if target.is_cached else (_EXPORT_S, "to be made")
        name, batch, size = target.name, 1, None
    elif isinstance(target, UnbuiltTarget):
        export_s, action = 0.0, f"none: {target.error}"
        name, batch, size = target.name, target.choices.batch_size, target.choices.image_size
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
            measure_s = 0.0 if each == baseline else guess_s(run.compared, (first.macs, target.macs))
        by_kind: dict[str, float | None]
        if run.places:
            by_kind = {kind: _there_s(run, target, anchor, first, pace) for kind, pace in paces.items()}
        else:
            by_kind = {"": None if measure_s is None or pairs_s is None else measure_s + pairs_s}
        longest_s = slowest([*by_kind.values()])
        yield PlannedRun(
            name=name,
            runtime=options.runtime if len(run.every_options) > 1 else None,
            action=action,
            image_size=size,
            batch_size=batch,
            threads=plan.threads if run.places else threads_to_use(plan),
            runs=runs,
            about_s=None if longest_s is None else longest_s + export_s,
            making_s=export_s,
            about_by_kind=by_kind,
        )
        export_s = 0.0


def _there_s(run: RunPlan, target: Target, anchor: Target | None, first: Target, pace: Pace | None) -> float | None:
    """Seconds of one target on one place of a kind."""
    if pace is None:
        return None
    own_s = _inference_s(target, pace)
    beside, pairs = (anchor, run.anchor.plan if run.anchor else None) if run.compared is None else (first, run.compared)
    beside_s = None if beside is None else _inference_s(beside, pace)
    if own_s is None or (beside is not None and beside_s is None):
        return None
    rounds = min(run.plan.rounds, run.plan.runs)
    alone_s = pace.rounds_s(own_s, runs=run.plan.runs, rounds=rounds) if run.compared is None else 0.0
    if pairs is None or beside_s is None or beside == target:
        return alone_s
    each = pairs.warmup_runs + 2 * pairs.blocks
    return alone_s + next_look(pairs, 0).processes * (2 * pace.round_s + each * (own_s + beside_s))


def _inference_s(target: Target, pace: Pace) -> float | None:
    if isinstance(target, FileTarget):
        artifact = target.read.artifact
        return pace.of(artifact.name, artifact.image_size, artifact.batch_size, artifact.macs)
    if isinstance(target, DenseTarget):
        return pace.of(target.name, None, 1, None)
    if isinstance(target, UnbuiltTarget):
        return 0.0
    return pace.of(target.name, target.config.image_size, target.config.batch_size, target.macs)
