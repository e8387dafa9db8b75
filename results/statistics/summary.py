"""From rounds to statistics. Pure: nothing here is stored, so nothing can contradict the raw samples."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from results.published import Published, figures_of
from results.records.accuracy import AccuracyRecord, StatedAccuracy
from results.records.artifact import Remarks, Subnormals, TimedArtifact
from results.records.environment import Machine, SessionFacts
from results.records.measured import ComparisonProcess, Outcome, Round
from results.records.plan import ComparisonPlan, Device, RuntimeOptions
from results.statistics.accuracy import Accuracy, AccuracySource, accuracy_finder
from results.statistics.attempts import failures, first_made, last_attempts, settled
from results.statistics.comparison import Comparison, compare_by_environment
from results.statistics.estimate import ERROR, UNCHANGED, Estimate
from results.statistics.feeds import InputDependence, feed_spread, input_dependence
from results.statistics.latency import Latency, median_ms, median_run_ms, summarise_durations
from results.statistics.neighbours import mark_indistinct
from results.statistics.span import span_s
from results.statistics.stability import OF_ARTIFACTS, StabilityWarning, find_warnings
from results.statistics.timed import TimedPair, TimedRound


class Anchored(msgspec.Struct, frozen=True, kw_only=True):
    """How long an artifact takes beside another one, the anchor, timed in turn with it in the same run.

    Attributes:
        anchor: the artifact itself where it is the anchor; there is no estimate then.
        plan: what was asked of the processes that timed the two.
        runs: timed inferences of each of the two, over all processes; 0 for the anchor itself.
        measured_s: from the start of the first of them to the end of the last.
        p50_ms: its own median over these; None for the anchor itself.
        process_ratios: its time over the anchor's, in each process that did not fail.
        earlier_runs: those before it, of the two in the same environment, that its interval has learnt from.
        estimate: None where fewer than two processes succeeded.
        indistinct_from: the names of those next to it in this ratio, among measurements that differ in the artifact
            alone and have the same anchor, whose intervals overlap with its own.
    """

    anchor: TimedArtifact
    plan: ComparisonPlan
    runs: int
    measured_s: float | None = None
    p50_ms: float | None = None
    process_ratios: tuple[float, ...]
    earlier_runs: int = 0
    estimate: Estimate | None
    indistinct_from: tuple[str, ...] = ()


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The rounds of one artifact in one stable environment, summarised.

    Attributes:
        options: of the runtime, as asked.
        place, kind, node: where it was measured, as in `Environment`.
        gpu, gpu_driver: its name, and its driver's version; None on other devices, and where the driver does not tell.
        threads: intra-op threads that were used; None for Core ML.
        warmup_runs: inferences before the timed ones that were asked for, in each round.
        measured_s: from the start of the first round to the end of the last, those of all its runs.
        seeds: of the runs, each once: what drew the order of their rounds.
        interval_level: how often an interval such as that of `latency` holds the truth.
        latency: None where every round failed.
        gpu_p50_ms: the median by CUDA events of as many inferences as `latency` has; None where there were no events.
        parts_ms: medians of what parts of the timed inferences took, by the part's name.
        feed_spread: how far the medians of feeds that were taken in turn lie apart, relative to their median.
        input_dependence: what the time was for one input and for another; None where no difference was seen.
        subnormals: of the artifact; None where they were not counted.
        remarks: on the artifact.
        load_ms, first_inference_ms: medians over the rounds.
        peak_memory_bytes: the largest over the rounds.
        published: the paper's figures for this network; None for a user's own file.
        own_accuracy: measured here of this artifact or an equal one, or stated of it; None where neither is so.
        paper_ratio: our mean over the paper's on its CPU, both of ONNX Runtime. Another machine: it says nothing of
            effmod or the network.
        failures: the reason of each round that failed.
        indistinct_from: the names of those next to it in latency, among measurements that differ in the artifact
            alone, whose intervals overlap with its own. Of two that have one anchor their ratios to it say so instead:
            those stand in `anchored`.
        anchored: None where the run had no anchor. Of several runs, the latest that had one counts.
    """

    name: str
    artifact: TimedArtifact
    machine: Machine
    place: str | None = None
    kind: str | None = None
    node: str | None = None
    device: Device
    options: RuntimeOptions
    gpu: str | None
    gpu_driver: str | None
    batch_size: int
    threads: int | None
    session: SessionFacts | None
    run_ids: tuple[str, ...]
    warmup_runs: int
    measured_s: float | None = None
    seeds: tuple[int, ...]
    interval_level: float = 1 - ERROR
    latency: Latency | None
    gpu_p50_ms: float | None = None
    parts_ms: dict[str, float] = {}
    feed_spread: float | None = None
    input_dependence: InputDependence | None = None
    subnormals: Subnormals | None = None
    remarks: Remarks = Remarks()
    load_ms: float | None
    first_inference_ms: float | None
    peak_memory_bytes: int | None
    published: Published | None
    own_accuracy: Accuracy | None = None
    paper_ratio: float | None
    warnings: tuple[StabilityWarning, ...]
    failures: tuple[str, ...]
    indistinct_from: tuple[str, ...] = ()
    anchored: Anchored | None = None

    @property
    def images_per_second(self) -> float | None:
        """By the median of all runs; None for what takes no images."""
        return 1e3 * self.batch_size / self.latency.p50_ms if self.latency and self.artifact.takes_images else None

    @property
    def anchor_ratio(self) -> Estimate | None:
        """Its time over the anchor's, exactly 1 for the anchor itself; None where it is not known."""
        if self.anchored is None:
            return None
        return UNCHANGED if self.anchored.anchor == self.artifact else self.anchored.estimate

    @property
    def accuracy(self) -> Accuracy | None:
        """How accurate it is: as measured here, else as stated, else as the paper published of its authors' weights."""
        if self.own_accuracy is not None or self.published is None or self.published.top1 is None:
            return self.own_accuracy
        return Accuracy(top1=self.published.top1, source=AccuracySource.PUBLISHED)

    @property
    def lacks_papers_form(self) -> bool:
        """Whether the paper's latency would stand beside ours, had the plain form been timed."""
        paper_ms = _paper_ms(self.published, self.device, self.options, self.batch_size)
        return self.artifact.form == "rewritten" and paper_ms is not None


def summarise(
    rounds: Iterable[Round | TimedRound],
    pairs: Iterable[ComparisonProcess | TimedPair] = (),
    accuracies: Iterable[AccuracyRecord | StatedAccuracy] = (),
) -> list[Measurement]:
    """Group rounds into measurements: run by run, and in each in the order in which its targets were given.

    Rounds belong together where the artifact, the device, the threads, the machine, the runtime and the warm-up that
    was asked for are the same; a changed driver, other cores or another version starts another measurement. Of a round
    that was attempted more than once, the last attempt counts.

    Args:
        pairs: each target of a run beside its anchor; those of other runs and environments are passed over.
        accuracies: of any artifacts; each is told of those whose weights it is of.
    """
    comparisons: dict[bytes, list[Comparison]] = defaultdict(list)
    for environment, comparison in compare_by_environment(pairs):
        comparisons[environment].append(comparison)
    find_accuracy = accuracy_finder(accuracies)
    measured = [_beside_anchor(_measurement(g), comparisons[g[0].environment.stable]) for g in grouped(rounds)]
    return mark_indistinct(
        [msgspec.structs.replace(each, own_accuracy=find_accuracy(each.artifact)) for each in measured]
    )


def grouped(rounds: Iterable[Round | TimedRound]) -> list[list[Round | TimedRound]]:
    """The rounds of each measurement, in the order in which `summarise` has these."""
    rounds = list(rounds)
    if not all(record.artifact.is_made for record in rounds):
        rounds = settled(rounds, [(record.run_id, record.artifact) for record in rounds])
    rounds = last_attempts(rounds, _turn)
    runs: dict[str, int] = {}
    for record in rounds:
        runs.setdefault(record.run_id, len(runs))
    groups: dict[bytes, list[Round | TimedRound]] = defaultdict(list)
    for record in sorted(rounds, key=lambda record: (runs[record.run_id], _place(record))):
        groups[_identity(record)].append(record)
    return list(groups.values())


def _turn(record: Round | TimedRound) -> tuple[object, ...]:
    """What all attempts at one round have in common."""
    return record.run_id, record.environment.share, record.plan, record.artifact, record.index


def _place(record: Round | TimedRound) -> tuple[int, int, int, int]:
    """Where its row stands among those of its run."""
    artifact, targets = record.artifact, record.plan.targets
    of_run = targets.index(artifact.name) if artifact.name in targets else len(targets)
    return of_run, artifact.image_size or 0, artifact.batch_size, record.plan.threads or 0


def _identity(record: Round | TimedRound) -> bytes:
    """What the rounds of one measurement have in common."""
    of_all = record.artifact, record.plan.device, record.plan.options, record.plan.warmup_runs
    return msgspec.json.encode(of_all, order="sorted") + record.environment.stable


def _measurement(rounds: Sequence[Round | TimedRound]) -> Measurement:
    first = rounds[0]
    good = [record for record in rounds if record.outcome is Outcome.OK]
    latency = None
    if good:
        latency = summarise_durations([record.durations_ns for record in good], [record.run_id for record in good])
    session = good[0].environment.session if good else None
    paper = figures_of(first.artifact.name, first.artifact)
    paper_ms = None
    if first.artifact.form == "plain":  # what the paper timed
        paper_ms = _paper_ms(paper, first.plan.device, first.plan.options, first.artifact.batch_size)
    gpu = first.environment.gpu_before
    return Measurement(
        name=first.artifact.name,
        artifact=first.artifact,
        machine=first.environment.machine,
        place=first.environment.place,
        kind=first.environment.kind,
        node=first.environment.node,
        device=first.plan.device,
        options=first.plan.options,
        gpu=gpu.name if gpu else None,
        gpu_driver=gpu.driver if gpu else None,
        batch_size=first.artifact.batch_size,
        threads=first.environment.threads,
        session=session,
        run_ids=tuple(dict.fromkeys(record.run_id for record in rounds)),
        warmup_runs=first.plan.warmup_runs,
        measured_s=span_s(good),
        seeds=tuple(dict.fromkeys(record.plan.seed for record in rounds)),
        latency=latency,
        gpu_p50_ms=median_run_ms([r.gpu_durations_ns for r in good if r.gpu_durations_ns is not None]),
        parts_ms=_parts_ms(good),
        feed_spread=feed_spread(good) if good else None,
        input_dependence=input_dependence((record.fed_ns, record.other_ns) for record in good),
        subnormals=next((record.subnormals for record in rounds if record.subnormals is not None), None),
        remarks=first_made(record.remarks for record in rounds),
        load_ms=median_ms(record.load_ns for record in good),
        first_inference_ms=median_ms(record.first_inference_ns for record in good),
        peak_memory_bytes=max((r.peak_memory_bytes for r in good if r.peak_memory_bytes is not None), default=None),
        published=paper,
        paper_ratio=latency.mean_ms / paper_ms if latency and paper_ms else None,
        warnings=find_warnings(latency.round_spread if latency else None, good),
        failures=failures(rounds),
    )


def _parts_ms(good: Sequence[Round | TimedRound]) -> dict[str, float]:
    """Of each part that was timed apart."""
    parts = dict.fromkeys(part for record in good for part in record.parts_ns)
    medians = {p: median_run_ms([r.parts_ns[p] for r in good if p in r.parts_ns]) for p in parts}
    return {part: ms for part, ms in medians.items() if ms is not None}


def _paper_ms(paper: Published | None, device: Device, options: RuntimeOptions, batch_size: int) -> float | None:
    """The paper's latency: one image, ONNX Runtime by its defaults, on a CPU. None where ours is of anything else."""
    if device is not Device.CPU or options != RuntimeOptions() or batch_size != 1:
        return None
    return paper.cpu_e5_2680_4t_ms if paper else None


def _beside_anchor(measurement: Measurement, comparisons: Sequence[Comparison]) -> Measurement:
    runs = set(measurement.run_ids)
    own = [
        comparison
        for comparison in comparisons
        if comparison.run_id in runs and measurement.artifact in (comparison.baseline, comparison.candidate)
    ]
    if not own:
        return measurement
    latest = own[-1]
    anchor = latest.baseline
    if anchor == measurement.artifact:
        anchored = Anchored(anchor=anchor, plan=latest.plan, runs=0, process_ratios=(), estimate=None)
        return msgspec.structs.replace(measurement, anchored=anchored)
    anchored = Anchored(
        anchor=anchor,
        plan=latest.plan,
        runs=latest.runs,
        measured_s=latest.measured_s,
        p50_ms=latest.candidate_p50_ms,
        process_ratios=latest.process_ratios,
        earlier_runs=latest.earlier_runs,
        estimate=latest.estimate,
    )
    return msgspec.structs.replace(
        measurement,
        anchored=anchored,
        # What the anchor itself is warned of is none of this row's; what this artifact is, its rounds say.
        warnings=tuple(dict.fromkeys((*measurement.warnings, *(w for w in latest.warnings if w not in OF_ARTIFACTS)))),
        failures=(*measurement.failures, *(f"beside {anchor.name}: {failure}" for failure in latest.failures)),
    )
