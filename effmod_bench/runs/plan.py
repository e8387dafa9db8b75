"""What one invocation is asked to do: the request itself, stored before anything takes long, so that it can go on."""

import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.fleet.draw import Drawn
from effmod_bench.instrument.clock import utc_now
from effmod_bench.instrument.schedule import new_run_id, ways
from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES
from effmod_bench.instrument.subject import Subject
from effmod_bench.options.export import ExportChoices
from effmod_bench.options.places import Elsewhere
from exporters.feeds.given import NOTHING_GIVEN, Given
from results import BenchPlan, ComparisonPlan, Record, Runtime, RuntimeOptions, Store, TimedArtifact

DEFAULT_ANCHOR = "efficientmod_xxs"

# How long --until may go on where nobody says, for each target.
MAX_TIME_S = 600.0


class Command(StrEnum):
    """What can be resumed."""

    BENCH = "bench"
    COMPARE = "compare"


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """What every target of a run is timed in turn with.

    Attributes:
        target: a network or a file, as the user gave it.
        plan: of the pairs.
    """

    target: str
    plan: ComparisonPlan


class RunPlan(Record, frozen=True, kw_only=True, tag="run"):
    """One invocation of `effmod bench` or `compare`, stored before it exports, so that it can be resumed at any moment.

    It is stored again when its artifacts are known. Unlike a round it names files as the user gave them: they are
    needed again.

    Attributes:
        id: that of the run.
        targets, choices, input_shapes, given: what the artifacts are obtained from.
        batch_sizes, image_sizes, threads: of a sweep; empty for what `choices` or `plan` has alone.
        artifacts: what they were, in the order of the rounds' ids: another file would be another measurement. Empty
            until they are known; nothing is measured before.
        anchor, anchor_artifact: None for a run without pairs; another anchor's file would be another ratio.
        table: of the paper, that the targets stand in.
        max_time_s: of all rounds of one invocation: none begins later. None for no limit.
        compared: what `effmod compare` was to do; None for `effmod bench`.
        fail_if_slower: of `effmod compare`, as runs of older versions have it; now it is `compared`'s.
        undecided_pass: of its gate: what is undecided lets it pass.
        reproduction: the id of what it is a part of; None for a run of its own.
        places: the names of what it measures on, elsewhere; empty for the machine that it was begun on. Where they are
            reached is not stored: a store is shared.
        drawn: what of a cluster these places are; None for boards and for that machine.
        top1: what the user states of targets' accuracy, in percent, by how he names them.
        target_options: how each target is run, where they are not all run as the plan says: one that is run in two ways
            stands there twice. Empty where they are.
        runtimes: by each of which each target is run, as runs of older versions have it.
    """

    targets: tuple[str, ...]
    plan: BenchPlan
    choices: ExportChoices
    input_shapes: tuple[tuple[str | None, tuple[int, ...]], ...]
    given: Given = Given()
    artifacts: tuple[TimedArtifact, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    image_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    anchor: Anchor | None = None
    anchor_artifact: TimedArtifact | None = None
    table: str | None = None
    max_time_s: float | None = None
    compared: ComparisonPlan | None = None
    fail_if_slower: float | None = None
    undecided_pass: bool = False
    reproduction: str | None = None
    places: tuple[str, ...] = ()
    drawn: Drawn | None = None
    top1: dict[str, float] = msgspec.field(default_factory=dict)
    target_options: tuple[RuntimeOptions, ...] = ()
    runtimes: tuple[Runtime, ...] = ()

    @property
    def each(self) -> tuple[tuple[str, RuntimeOptions], ...]:
        """Every target, and how it is run."""
        if self.target_options:
            return tuple(zip(self.targets, self.target_options, strict=True))
        options = self.plan.options
        ways = tuple(msgspec.structs.replace(options, runtime=each) for each in self.runtimes) or (options,)
        return tuple((target, way) for target in self.targets for way in ways)

    @property
    def every_options(self) -> tuple[RuntimeOptions, ...]:
        """The ways in which targets are run, that of the first one first."""
        return tuple(dict.fromkeys(options for _, options in self.each))

    def with_each(self, each: Sequence[tuple[str, RuntimeOptions]]) -> "RunPlan":
        """The same of these targets, each run so."""
        targets = tuple(target for target, _ in each)
        several = {options for _, options in each} != {self.plan.options}
        options = tuple(options for _, options in each) if several else ()
        return msgspec.structs.replace(self, targets=targets, target_options=options, runtimes=())

    def run_by(self, options: RuntimeOptions) -> "RunPlan":
        """The part of it that is run in one of its ways."""
        targets = tuple(target for target, way in self.each if way == options)
        plan = msgspec.structs.replace(self.plan, options=options)
        return msgspec.structs.replace(self, targets=targets, plan=plan, target_options=(), runtimes=())

    @property
    def command(self) -> Command:
        return Command.BENCH if self.compared is None else Command.COMPARE

    def choices_by_size(self) -> Iterator[ExportChoices]:
        """Its choices in each image size and batch size, image size by image size."""
        for image_size in self.image_sizes or (self.choices.image_size,):
            for batch_size in self.batch_sizes or (self.choices.batch_size,):
                yield msgspec.structs.replace(self.choices, image_size=image_size, batch_size=batch_size)

    def resume_command(self, store: Path) -> str:
        """What a user enters to go on with it, or with what it is a part of."""
        if self.reproduction is not None:
            return resume_command("reproduce", self.reproduction, store)
        return resume_command(self.command, self.id, store)


def resume_command(command: str, name: str, store: Path) -> str:
    """What a user enters to go on with what a store has under this name."""
    return shlex.join(["effmod", command, "--resume", name, "--store", str(store)])


def new_run(
    *,
    targets: Sequence[str],
    plan: BenchPlan,
    choices: ExportChoices,
    input_shapes: dict[str | None, tuple[int, ...]],
    given: Given = NOTHING_GIVEN,
    batch_sizes: tuple[int, ...] = (),
    image_sizes: tuple[int, ...] = (),
    threads: tuple[int, ...] = (),
    anchor: Anchor | None = None,
    table: str | None = None,
    max_time_s: float | None = None,
    compared: ComparisonPlan | None = None,
    undecided_pass: bool = False,
    top1: dict[str, float] | None = None,
    target_options: tuple[RuntimeOptions, ...] = (),
) -> RunPlan:
    """A run that begins now, of which nothing is known but what the user asked."""
    return RunPlan(
        id=new_run_id(),
        started_at=utc_now().isoformat(timespec="milliseconds"),
        targets=tuple(targets),
        plan=plan,
        choices=choices,
        input_shapes=tuple(input_shapes.items()),
        given=given,
        batch_sizes=batch_sizes,
        image_sizes=image_sizes,
        threads=threads,
        anchor=anchor,
        table=table,
        max_time_s=max_time_s,
        compared=compared,
        undecided_pass=undecided_pass,
        top1=top1 or {},
        target_options=target_options,
    )


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is to be carried out now, or as much of it as is missing.

    Attributes:
        resumed: the store has it already.
        wait: where another effmod measures, until it is done; False to give up.
        round_timeout_s: what a round may take; None for a limit that follows from what it should take.
        elsewhere: where it measures.
        stays_connected: to a cluster, for what else is to be measured there: whoever says so leaves it.
    """

    run: RunPlan
    store: Store
    resumed: bool
    wait: bool
    round_timeout_s: float | None
    elsewhere: Elsewhere = Elsewhere()
    stays_connected: bool = False

    @property
    def resume_command(self) -> str:
        """What a user enters to go on with it."""
        return self.run.resume_command(self.store.path) + self.elsewhere.again


def choose_anchor(
    target: str | None,
    plan: BenchPlan,
    *,
    table: str | None,
    processes: int | None,
    until: float | None,
    max_time_s: float | None,
    sweep: bool,
) -> Anchor | None:
    """What the user's options come to: with a table of the paper there is an anchor, where it can be timed.

    Args:
        sweep: over sizes or threads, which have no anchor, nor has what is timed in two ways.

    Raises:
        TargetError: an option is for anchors, and there is none.
    """
    several_ways = len(ways(plan)) > 1
    usual = plan.options.runtime in ONNXRUNTIMES and not (sweep or several_ways)
    if target is None and table is not None and usual:
        target = DEFAULT_ANCHOR
    if target in (None, "none"):
        for option, value in {"--processes": processes, "--until": until}.items():
            if value is not None:
                raise TargetError(f"{option} is for the ratios to an anchor; add --anchor {DEFAULT_ANCHOR}")
        return None
    if several_ways:
        raise TargetError("--anchor is for what is timed in one way; leave --denormal-as-zero out, or --anchor")
    if sweep:
        raise TargetError(
            "--anchor is for one --batch-size, one --image-size and one number of --threads; leave it out, or give one "
            "of each"
        )
    check_max_time(
        max_time_s,
        until,
        otherwise=" where there is an anchor, which --table brings, too: add --until 1%, or leave the anchor out by "
        "--anchor none",
    )
    pairs = ComparisonPlan(
        device=plan.device,
        options=plan.options,
        threads=plan.threads,
        seed=plan.seed,
        until=until,
        max_time_s=max_time_s,
    )
    if processes is not None:
        pairs = msgspec.structs.replace(pairs, processes=processes)
    return Anchor(target=target, plan=pairs)


def check_max_time(max_time_s: float | None, until: object | None, *, otherwise: str) -> None:
    """Refuse a limit on pairs whose number is fixed.

    Args:
        otherwise: what can be done, after "--max-time goes with --until".

    Raises:
        TargetError: it was given.
    """
    if max_time_s is not None and until is None:
        raise TargetError(f"--max-time goes with --until{otherwise}")


def begin(
    invocation: Invocation,
    subjects: Sequence[Subject],
    anchor: Subject | None,
    *,
    options: Sequence[RuntimeOptions] = (),
) -> RunPlan:
    """The run with what its targets came to, stored before anything is measured.

    Args:
        options: how each of them is run, where that is not the same for all.

    Raises:
        TargetError: it began with other files.
        StoreError: the store cannot be written.
    """
    run, artifacts = invocation.run, tuple(subject.artifact for subject in subjects)
    if run.artifacts:
        check_same(run, artifacts, anchor.artifact if anchor else None)
        if artifacts != run.artifacts:  # what could not be made could be now
            run = msgspec.structs.replace(run, artifacts=artifacts)
            invocation.store.write(run, again=True)
        return run
    names = tuple(artifact.name for artifact in artifacts)
    if run.compared is not None:
        compared = msgspec.structs.replace(run.compared, targets=names, target_options=tuple(options))
        run = msgspec.structs.replace(run, compared=compared)
    else:
        run = msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, targets=names))
    if run.anchor is not None and anchor is not None:
        pairs = _pairs(run.anchor, artifacts, anchor.artifact)
        run = msgspec.structs.replace(run, anchor=pairs, anchor_artifact=anchor.artifact)
    run = msgspec.structs.replace(run, artifacts=artifacts)
    # Before its artifacts are: a run that has these is gone on with as it is.
    for accuracy in [each for subject in subjects for each in subject.accuracies]:
        invocation.store.keep(accuracy)
    invocation.store.write(run, again=True)
    return run


def _pairs(anchor: Anchor, artifacts: Sequence[TimedArtifact], artifact: TimedArtifact) -> Anchor:
    """The pairs, by the names of what is paired; the anchor comes first."""
    plan = anchor.plan
    others = [each.name for each in artifacts if each != artifact]
    max_time_s = plan.max_time_s or MAX_TIME_S * len(others) if plan.until is not None else None
    plan = msgspec.structs.replace(plan, targets=(artifact.name, *others), max_time_s=max_time_s)
    return msgspec.structs.replace(anchor, plan=plan)


def check_same(run: RunPlan, artifacts: Sequence[TimedArtifact], anchor: TimedArtifact | None = None) -> None:
    """Refuse to go on with other files than a run began with.

    Raises:
        TargetError: one of them is another file now.
    """
    if len(artifacts) != len(run.artifacts):
        raise TargetError(
            f"run {run.id} timed {len(run.artifacts)} artifacts, and its targets stand for {len(artifacts)} now; "
            "begin a new run, without --resume"
        )
    for before, now in zip((*run.artifacts, run.anchor_artifact), (*artifacts, anchor), strict=True):
        if before is None or now is None or before == now or before.could_become(now):
            continue
        if before.sha256 == now.sha256:
            raise TargetError(
                f"{now.name} is not fed what run {run.id} fed it, or that run did not note it, and another input is "
                "another measurement: begin a new run, without --resume"
            )
        raise TargetError(
            f"{now.name} is not what run {run.id} timed (sha256 {before.sha256[:12]} then, {now.sha256[:12]} now), "
            "and another file is another measurement: bring the old one back, or begin a new run, without --resume"
        )
