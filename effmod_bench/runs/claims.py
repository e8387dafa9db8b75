"""The figures that a store claims, and as what runs they are measured again."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.plan import Anchor, RunPlan, new_run
from effmod_bench.runs.supplied import Supplied, checkpoint_of
from effmod_bench.targets.names import is_file, is_of_effmod
from exporters import PRETRAINED, RANDOM, ComputePrecision, Format
from exporters.feeds.given import Given
from exporters.feeds.words import ARCHIVE
from exporters.feeds.words import is_file as is_fed_file
from models.dense.spec import is_dense
from models.zoo.named import split
from models.zoo.spec import is_function
from results import (
    ArtifactSource,
    BenchPlan,
    Comparison,
    ComparisonPlan,
    Device,
    Measurement,
    Outcome,
    Store,
    TimedArtifact,
    compare,
    summarise,
)
from results.frame import is_one_of, read_contents
from results.statistics.conditions import Figure, artifact_of
from results.statistics.summary import grouped
from results.store import no_measurements
from results.tables.words import counted

_MOST_THREADS = 1024
_LONGEST_SPREAD_S = 86_400.0
_QUICK_SHARE, _QUICK_PROCESSES, _QUICK_BLOCKS = 10, 6, 20


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of somebody's, and how it was measured.

    Attributes:
        runs, rounds: timed inferences and processes of the latest run that it is of, those that did not fail; of a
            comparison the rounds are its processes.
        seed: that run's.
        choices: of the export, where the run is recorded.
    """

    figure: Figure
    runs: int
    rounds: int
    seed: int
    choices: ExportChoices | None

    @property
    def artifact(self) -> TimedArtifact:
        return artifact_of(self.figure)


class CannotMakeError(ValueError):
    """A figure cannot be measured again here; the message says what it lacks."""


def read_claims(
    store: Store, select: Sequence[str] = (), *, say: Callable[[str], None] = lambda _: None
) -> list[Claim]:
    """What a store claims: its measurements, then its comparisons, those of races and controls apart.

    Args:
        select: patterns of names; none for all.
        say: told of what is no claim.

    Raises:
        StoreError: the store cannot be read, or holds no measurements.
        TargetError: the pattern matches none.
    """
    contents = read_contents(store)
    if not contents.rounds and not contents.pairs:
        raise no_measurements(store.path)
    if contents.by_hand:
        say(f"{counted(len(contents.by_hand), 'figure')} entered by hand, of other tools, cannot be measured again")
    choices = {run.id: run.choices for run in store.read_kind(RunPlan)}
    found = []
    measured = summarise(contents.rounds, contents.pairs)
    for figure, rounds in zip(measured, grouped(contents.rounds), strict=True):
        good = [each for each in rounds if each.outcome is Outcome.OK]
        latest = (good or rounds)[-1].run_id
        own = [each for each in good if each.run_id == latest]
        found.append(
            Claim(
                figure=figure,
                runs=sum(len(each.durations_ns) for each in own),
                rounds=len(own),
                seed=rounds[-1].plan.seed,
                choices=choices.get(latest),
            )
        )
    benched = {each.run_id for each in contents.rounds}
    for pair in compare(contents.pairs):
        if pair.run_id not in benched and not pair.control and not pair.plan.of_race:
            claim = Claim(
                figure=pair,
                runs=pair.runs,
                rounds=pair.processes,
                seed=pair.plan.seed,
                choices=choices.get(pair.run_id),
            )
            found.append(claim)
    if not select:
        return found
    selected = [claim for claim in found if is_one_of(claim.artifact.name, select)]
    if not selected:
        names = ", ".join(dict.fromkeys(claim.artifact.name for claim in found))
        raise TargetError(f"--select {', '.join(select)} is none of what the store holds: {names}")
    return selected


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as it is asked for here.

    Attributes:
        claim: its place among the claims.
        target: as a run names it; the baseline's where it is timed in turn.
        run: one of this target alone.
    """

    claim: int
    target: str
    run: RunPlan


def ask(number: int, claim: Claim, supplied: Supplied, *, quick: bool) -> Asked:
    """The run that measures a claim again.

    Raises:
        CannotMakeError: something is lacking, or a record asks for what nobody may ask for.
    """
    figure = claim.figure
    if not claim.rounds:
        raise CannotMakeError("there is no figure: every process of it failed")
    if figure.threads is not None and not 0 < figure.threads <= _MOST_THREADS:
        raise CannotMakeError(f"it asks for {figure.threads} threads")
    target = find_target(claim.artifact, supplied)
    if isinstance(figure, Comparison):
        return _in_turn(number, claim, figure, target, supplied, quick=quick)
    choices = _choices(claim, claim.artifact, target, supplied)
    shapes, given = _inputs(claim.artifact, target, supplied)
    plan = BenchPlan(
        device=figure.device,
        options=figure.options,
        threads=None if figure.device is Device.COREML else figure.threads,
        runs=max(1, claim.runs // _QUICK_SHARE) if quick else claim.runs,
        rounds=min(claim.rounds, _QUICK_PROCESSES) if quick else claim.rounds,
        warmup_runs=figure.warmup_runs,
        seed=claim.seed,
    )
    run = new_run(
        targets=[target],
        plan=plan,
        choices=choices,
        input_shapes=shapes,
        given=given,
        anchor=_anchor(figure, plan, supplied, quick=quick),
    )
    return Asked(claim=number, target=target, run=run)


def together(every: Sequence[Asked]) -> list[tuple[RunPlan, tuple[Asked, ...]]]:
    """Claims of one setting as one run: its rounds are interleaved, so that a slow minute meets all of them alike."""
    groups: dict[Hashable, list[Asked]] = defaultdict(list)
    for asked in every:
        groups[_setting(asked)].append(asked)
    return [(_one_run(group), tuple(group)) for group in groups.values()]


def _setting(asked: Asked) -> bytes:
    run = asked.run
    anchor = run.anchor and msgspec.structs.replace(
        run.anchor, plan=msgspec.structs.replace(run.anchor.plan, processes=2, targets=())
    )
    compared = run.compared and (run.targets[0], run.compared)
    deciding = run.plan, run.choices, run.input_shapes, run.given, anchor, compared, run.places
    return msgspec.json.encode(deciding, order="sorted", enc_hook=str)


def _one_run(group: Sequence[Asked]) -> RunPlan:
    first = group[0].run
    anchor = first.anchor
    if anchor is not None:
        most = max(asked.run.anchor.plan.processes for asked in group if asked.run.anchor)
        anchor = msgspec.structs.replace(anchor, plan=msgspec.structs.replace(anchor.plan, processes=most))
    each = dict.fromkeys(each for asked in group for each in asked.run.each)
    return msgspec.structs.replace(first, anchor=anchor).with_each(tuple(each))


def find_target(artifact: TimedArtifact, supplied: Supplied) -> str:
    """What is to be measured for an artifact: a network of effmod's own zoo or timm's, or what was given for it.

    Raises:
        CannotMakeError: it is somebody's own, and nothing was given for it.
    """
    name = artifact.name
    function = supplied.function(name) if is_function(name) else None
    if artifact.source is ArtifactSource.ZOO and artifact.form != "machine-specific":
        if function is not None:
            return function
        if is_of_effmod(name) or name in supplied.networks or split(name)[0] in supplied.networks:
            return name
    files = supplied.like(artifact)
    for path in files:
        if _sha256(path, artifact) == artifact.sha256:
            return str(path)
    named = next((path for path in files if path.name == name), None)
    if named is not None:
        return str(named)
    hint = "give it by --add, or by --files the folder that it lies in, or the zip where that brings it"
    if is_function(name):
        file = split(name)[0].partition(":")[0]
        raise CannotMakeError(
            f"it is of a function of somebody's, and nothing of a record is ever run: look at {file}, and give it by "
            f"--add PATH/{split(name)[0]}"
        )
    if artifact.source is ArtifactSource.ZOO and artifact.form != "machine-specific":
        raise CannotMakeError(
            f"{name} is no network of effmod's own; where a plug-in brings it, say that it may be used: --add {name}"
        )
    raise CannotMakeError(f"it is a file of somebody's, sha256 {artifact.sha256[:12]}: {hint}")


def _sha256(path: Path, artifact: TimedArtifact) -> str | None:
    """The hash of a file as it is timed; None where it cannot be."""
    from effmod_bench.targets.subjects import file_subject

    try:
        shapes: dict[str | None, tuple[int, ...]] = {tensor.name: tensor.shape for tensor in artifact.inputs}
        return file_subject(path, shapes, batch_size=1).artifact.sha256
    except Exception:  # whatever is wrong with it is said where it is the one that is timed
        return None


def _choices(claim: Claim, artifact: TimedArtifact, target: str, supplied: Supplied) -> ExportChoices:
    """How a file is made of a network again: as its run says, or where that is not there, as its form does."""
    if is_file(target):
        format_ = Format.COREML if artifact.format == "coreml" else Format.ONNX
        return ExportChoices(format=format_)
    checkpoint = _weights(artifact, target, supplied)
    if is_dense(target):
        return ExportChoices(rewrite="none", checkpoint=None)
    recorded = claim.choices or _choices_of_form(artifact)
    return msgspec.structs.replace(
        recorded,
        image_size=artifact.image_size,
        batch_size=artifact.batch_size,
        checkpoint=checkpoint,
        checkpoints=(),  # no file here is read because a record names it
    )


def _choices_of_form(artifact: TimedArtifact) -> ExportChoices:
    """What a file's form says of how it was made."""
    if artifact.format == "pytorch":
        return ExportChoices(rewrite="none")
    form, _, precision = (artifact.form or "plain").partition("+float")
    try:
        return ExportChoices(
            format=Format(artifact.format),
            opset=artifact.opset or ExportChoices().opset,
            rewrite={"plain": "none", "rewritten": "auto"}.get(form, form.replace("+", ",")),
            compute_precision=ComputePrecision(f"float{precision}") if precision else None,
        )
    except ValueError as error:
        raise CannotMakeError(f"it is of a format or form that this effmod does not make: {error}") from error


def _weights(artifact: TimedArtifact, target: str, supplied: Supplied) -> Path | None:
    """The weights, where they are here: a checkpoint by its hash. Else random ones, which take as long."""
    words = artifact.weights or ""
    for _, beginning in checkpoint_of(artifact):
        return supplied.checkpoint(beginning) or RANDOM
    if words.startswith("pretrained"):
        return PRETRAINED if supplied.pretrained else None
    return RANDOM if words.startswith("random") and is_function(target) else None


def _inputs(
    artifact: TimedArtifact, target: str, supplied: Supplied
) -> tuple[dict[str | None, tuple[int, ...]], Given]:
    """The shapes of a file's inputs, and what their owner said is fed to them."""
    if not is_file(target):
        return {}, Given()
    shapes: dict[str | None, tuple[int, ...]] = {tensor.name: tensor.shape for tensor in artifact.inputs}
    feed, source = [], None
    for tensor in artifact.inputs:
        fed = tensor.fed
        if fed is None or not fed.given:
            continue
        if fed.feeds > 1:
            raise CannotMakeError(f"its input {tensor.name!r} was fed {fed.feeds} files in turn, which no record holds")
        words = fed.value
        if is_fed_file(words):
            path = supplied.fed(words)
            if path is None:
                raise CannotMakeError(f"its input {tensor.name!r} was fed {words!r}: give the folder of it by --files")
            if path.suffix.lower() == ARCHIVE:
                source = path
                continue
            words = str(path)
        feed.append(f"{tensor.name}={words}")
    return shapes, Given(feed=tuple(feed), source=source)


def _anchor(figure: Measurement, plan: BenchPlan, supplied: Supplied, *, quick: bool) -> Anchor | None:
    """The pairs beside the anchor; none where that cannot be measured here."""
    beside = figure.anchored
    if beside is None:
        return None
    try:
        target = find_target(beside.anchor, supplied)
    except CannotMakeError:
        return None
    own = beside.plan
    # No more than were timed, whatever a record says of its plan; the anchor itself is in no pair.
    pairs = ComparisonPlan(
        device=plan.device,
        options=plan.options,
        threads=plan.threads,
        processes=max(2, len(beside.process_ratios)),
        blocks=own.blocks if beside.anchor == figure.artifact else max(1, min(own.blocks, beside.runs)),
        warmup_runs=own.warmup_runs,
        seed=own.seed,
    )
    return Anchor(target=target, plan=_quickly(pairs) if quick else pairs)


def _quickly(plan: ComparisonPlan) -> ComparisonPlan:
    processes, blocks = min(plan.processes, _QUICK_PROCESSES), min(plan.blocks, _QUICK_BLOCKS)
    return msgspec.structs.replace(plan, processes=processes, blocks=blocks, spread_s=None)


def _in_turn(
    number: int,
    claim: Claim,
    figure: Comparison,
    target: str,
    supplied: Supplied,
    *,
    quick: bool,
) -> Asked:
    """What was timed in turn, again: as many processes as there were, whatever they were stopped by."""
    baseline = find_target(figure.baseline, supplied)
    both = ((figure.baseline, baseline), (figure.candidate, target))
    choices = _choices_of_both(claim, both, supplied)
    shapes: dict[str | None, tuple[int, ...]] = {}
    feeds = Given()
    for each, name in both:
        more, given = _inputs(each, name, supplied)
        if any(more[tensor] != shapes[tensor] for tensor in more.keys() & shapes.keys()):
            raise CannotMakeError("the two take inputs of one name and of different shapes")
        if is_file(name):
            shapes, feeds = shapes | more, given or feeds
    spread = figure.plan.spread_s
    plan = ComparisonPlan(
        device=figure.plan.device,
        options=figure.plan.options,
        threads=figure.threads,
        processes=max(2, claim.rounds),
        blocks=max(1, min(figure.plan.blocks, claim.runs)),
        warmup_runs=figure.plan.warmup_runs,
        seed=claim.seed,
        margin=figure.plan.margin,
        spread_s=None if spread is None else min(spread, _LONGEST_SPREAD_S),
    )
    run = new_run(
        targets=[baseline, target],
        plan=BenchPlan(device=plan.device, options=plan.options, threads=plan.threads),
        choices=choices,
        input_shapes=shapes if is_file(baseline) and is_file(target) else {},
        given=feeds,
        compared=_quickly(plan) if quick else plan,
    ).with_each([(baseline, plan.options), (target, figure.options)])
    return Asked(claim=number, target=target, run=run)


def _choices_of_both(claim: Claim, both: Sequence[tuple[TimedArtifact, str]], supplied: Supplied) -> ExportChoices:
    """How the files of the two are made again, of which a network that PyTorch runs as it is has none."""
    exported = [each for each in both if not is_file(each[1]) and each[0].format != "pytorch"]
    networks = [each for each in both if not is_file(each[1])]
    first, *others = (_choices(claim, *each, supplied) for each in exported or networks or both)
    if exported and any(each != first for each in others):
        raise CannotMakeError("the two files were made with different options, which one run cannot")
    return first
