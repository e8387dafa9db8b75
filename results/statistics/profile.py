"""What the processes of a profile come to: the time of each operator, and of any group of them, with its interval.

Times are means, so that the parts of a whole add up to it. Of each operator in each process those durations are left
out that something else on the machine has made long: on a core that is shared it interrupts one operator or other of
nearly every run, so that few runs as a whole are free of it, and most durations are.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from statistics import fmean, stdev

import msgspec

from results.records.artifact import TimedArtifact
from results.records.environment import Environment
from results.records.measured import Outcome
from results.records.plan import ProfilePlan, Runtime, RuntimeOptions
from results.records.profile import Joined, Profile, ProfiledOperator, Roof
from results.statistics.estimate import ERROR, Estimate, estimate, median_ratio, quantile

# An operator that takes longer than so many times its lower quartile was held up; but for whole microseconds, of which
# the profiler may see one or two more,
_HELD_UP, _TICKS = 1.5, 2
# and for memory: PyTorch gives back most of it in each inference, and the system gives it anew a page at a time, each
# of 4 KB in up to 2 us here; which operators it meets the next time changes. Weights stay, and so does what other
# runtimes have.
_FRESH_BYTES_PER_US = 2000


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over processes, with the interval of Student's t; None where there is one process alone."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def half(self) -> float | None:
        return None if self.high is None else self.high - self.value


def span(values: Sequence[float]) -> Span:
    """The mean of one figure of each process."""
    mean = fmean(values)
    if len(values) < 2:
        return Span(value=mean)
    half = quantile(len(values) - 1, ERROR) * stdev(values) / math.sqrt(len(values))
    return Span(value=mean, low=mean - half, high=mean + half)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A group of operators: a module, a kind, or one operator alone.

    Attributes:
        name: as it is shown beneath what it is a part of.
        path: the whole of it.
        depth: how deep it stands in the tree, from 0.
        share: of the time of all operators.
        macs, moved_bytes: of an inference.
        least_ms: what it would take where the machine's roof alone held it up; None where that is not known.
        guessed: the share of its time of operators whose module was told by their neighbours alone.
        causes: the share of its time that each of these causes has, the largest first.
    """

    name: str
    path: str
    depth: int
    ms: Span
    share: Span
    operators: int
    macs: int
    moved_bytes: int
    least_ms: float | None
    guessed: float
    causes: dict[str, float]

    @property
    def weight(self) -> float:
        """What it is worth in a tree: its share."""
        return self.share.value

    @property
    def gflops(self) -> float | None:
        """Two operations a multiply-add."""
        return 2 * self.macs / self.ms.value / 1e6 if self.macs and self.ms.value else None

    @property
    def gb_per_s(self) -> float | None:
        return self.moved_bytes / self.ms.value / 1e6 if self.moved_bytes and self.ms.value else None

    @property
    def of_roof(self) -> float | None:
        return self.least_ms / self.ms.value if self.least_ms is not None and self.ms.value else None


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """The profile of one artifact.

    Attributes:
        target: which of its run's it is, from 0.
        options: how it was run.
        environment: of the last process.
        operators: of the runtime's graph, in the order in which they run.
        process_ms: by process, what each operator takes in an inference.
        process_gaps_ms: by process, what is left of an inference.
        indices: of these processes.
        run: an inference as a whole.
        kernels: of it, all operators together.
        gaps: what is left of it, by the runtime's own total of each run: between operators, and what the profiler's
            whole microseconds hide.
        left_out: the share of all durations that something else has made long.
        averaged: its profiler, or that of what it is compared with, tells sums over all runs alone, of which nothing
            can be left out; so nothing is left out of either.
        without: an inference in the same processes without the profiler.
        cost: an inference with it over that.
        failures: of processes that failed, the reasons.
    """

    run_id: str
    target: int
    artifact: TimedArtifact
    plan: ProfilePlan
    options: RuntimeOptions
    environment: Environment
    operators: tuple[ProfiledOperator, ...]
    process_ms: tuple[tuple[float, ...], ...]
    process_gaps_ms: tuple[float, ...]
    indices: tuple[int, ...]
    run: Span
    kernels: Span
    gaps: Span
    left_out: float
    averaged: bool
    without: Span | None
    cost: Estimate | None
    roof: Roof | None
    failures: tuple[str, ...]

    @property
    def has_modules(self) -> bool:
        """Whether the operators say of what modules they are."""
        return any(operator.module for operator in self.operators)

    @property
    def attributed(self) -> float:
        """The share of the operators' time that belongs to a module."""
        return self.share_of([i for i, each in enumerate(self.operators) if each.module is not None])

    @property
    def guessed(self) -> float:
        """The share of the operators' time whose module was told by their neighbours alone."""
        return self.share_of([i for i, each in enumerate(self.operators) if each.joined is Joined.NEIGHBOURS])

    def share_of(self, operators: Collection[int]) -> float:
        return fmean(_shares(self, operators))


def profiles_of_runs(records: Sequence[Profile]) -> list[Profiled]:
    """The profiles of all runs; of one of which every process failed there is none, and of plans neither."""
    by_run: dict[str, list[Profile]] = defaultdict(list)
    for record in (each for each in records if not each.weights):
        by_run[record.run_id].append(record)
    return [found for own in by_run.values() for found in summarise_profiles(own) if found is not None]


def summarise_profiles(records: Sequence[Profile]) -> list[Profiled | None]:
    """The profile of each artifact of a run, in the order of its targets; None where every process of one failed."""
    by_target: dict[int, list[Profile]] = defaultdict(list)
    for record in records:
        by_target[record.target].append(record)
    averaged = any(record.runs_each > 1 for record in records)
    return [_summarise(by_target[target], averaged=averaged) for target in sorted(by_target)]


def without_profile(records: Sequence[Profile]) -> list[Profile]:
    """Those of targets of which every process of a run failed: no profile speaks for them, and no plan."""
    fine = {(record.run_id, record.target) for record in records if record.outcome is Outcome.OK}
    return [record for record in records if (record.run_id, record.target) not in fine]


def _summarise(records: Sequence[Profile], *, averaged: bool) -> Profiled | None:
    failures = [record.failure or "" for record in records if record.outcome is Outcome.FAILED]
    fine = [record for record in records if record.outcome is Outcome.OK]
    if not fine:
        return None
    last = fine[-1]
    names = [operator.name for operator in last.operators]
    # Operators of which none waits for the other, and so short that they end in the microsecond in which they begin,
    # may change places.
    alike = [record for record in fine if sorted(each.name for each in record.operators) == sorted(names)]
    if len(alike) < len(fine):
        failures.append("the runtime made another graph of the file in some processes, which are left out")
    processes = [_process(record, names, averaged=averaged) for record in alike]
    kernels = [math.fsum(each.operators_ms) for each in processes]
    gaps = [each.gaps_ms for each in processes]
    ratios = [median_ratio(record.without_ns, record.with_ns) for record in alike if record.with_ns]
    return Profiled(
        run_id=last.run_id,
        target=last.target,
        artifact=last.artifact,
        plan=last.plan,
        options=last.plan.options_of(last.target),
        environment=last.environment,
        operators=last.operators,
        process_ms=tuple(each.operators_ms for each in processes),
        process_gaps_ms=tuple(gaps),
        indices=tuple(record.index for record in alike),
        run=span([a + b for a, b in zip(kernels, gaps, strict=True)]),
        kernels=span(kernels),
        gaps=span(gaps),
        left_out=fmean(each.left_out for each in processes),
        averaged=averaged,
        without=span([fmean(undisturbed(record.without_ns)) / 1e6 for record in alike]) if ratios else None,
        cost=estimate(ratios),
        roof=last.roof,
        failures=tuple(failures),
    )


class _Process(msgspec.Struct, frozen=True, kw_only=True):
    """What an inference takes in one process, and the share of durations that are left out of that."""

    operators_ms: tuple[float, ...]
    gaps_ms: float
    left_out: float


def _process(record: Profile, names: Sequence[str], *, averaged: bool) -> _Process:
    """Of operators in this order; where it is averaged nothing is left out."""
    taken = dict(zip((operator.name for operator in record.operators), record.kernel_us, strict=True))
    between = [run - sum(each) for run, each in zip(record.run_us, zip(*record.kernel_us, strict=True), strict=True)]
    is_fresh = record.plan.options_of(record.target).runtime is Runtime.PYTORCH
    fresh = {each.name: each.input_bytes + each.output_bytes if is_fresh else 0 for each in record.operators}

    def keep(durations: Sequence[int], fresh_bytes: int = 0) -> Sequence[int]:
        return durations if averaged else undisturbed(durations, fresh_bytes=fresh_bytes)

    counted = [keep(taken[name], fresh[name]) for name in names]
    per_ms = 1e3 * record.runs_each
    kept = sum(map(len, counted)) / (len(names) * len(record.run_us))
    return _Process(
        operators_ms=tuple(fmean(each) / per_ms for each in counted),
        gaps_ms=fmean(keep(between)) / per_ms,
        left_out=1 - kept,
    )


def undisturbed(durations: Sequence[int], *, fresh_bytes: int = 0) -> list[int]:
    """Those that nothing else on the machine has made long, by what the shortest quarter of them takes.

    Other programs interrupt an operator for milliseconds, and up to three quarters of all may be interrupted.

    Args:
        durations: of one operator, in microseconds; or of a whole, in any unit.
        fresh_bytes: of an operator, what of its memory the system may give anew.
    """
    quartile = sorted(durations)[len(durations) // 4]
    allowed = _HELD_UP * quartile + _TICKS + fresh_bytes / _FRESH_BYTES_PER_US
    longest = max(quartile, allowed)  # what is between operators that overlap is less than 0
    return [each for each in durations if each <= longest]


def part(profiled: Profiled, operators: Sequence[int], *, name: str, path: str, depth: int = 0) -> Part:
    """Operators taken together.

    Args:
        operators: by their place in the graph.
    """
    chosen = [profiled.operators[i] for i in operators]
    least = [least_ms(each, profiled.roof) for each in chosen]
    shares = [fmean(process[i] for process in profiled.process_ms) for i in operators]
    whole = math.fsum(shares) or 1.0
    causes: dict[str, float] = defaultdict(float)
    for each, ms in zip(chosen, shares, strict=True):
        if (cause := cause_of(each, ms, profiled.roof)) is not None:
            causes[cause] += ms / whole
    return Part(
        name=name,
        path=path,
        depth=depth,
        ms=span([math.fsum(process[i] for i in operators) for process in profiled.process_ms]),
        share=span(_shares(profiled, operators)),
        operators=len(operators),
        macs=sum(each.macs for each in chosen),
        moved_bytes=sum(each.moved_bytes for each in chosen),
        least_ms=None if profiled.roof is None else math.fsum(each for each in least if each is not None),
        guessed=math.fsum(ms for each, ms in zip(chosen, shares, strict=True) if each.joined is Joined.NEIGHBOURS)
        / whole,
        causes=dict(sorted(causes.items(), key=lambda item: -item[1])),
    )


def _shares(profiled: Profiled, operators: Collection[int]) -> list[float]:
    return [math.fsum(process[i] for i in operators) / (math.fsum(process) or 1.0) for process in profiled.process_ms]


# What holds an operator up, in the words of the table. Of one that has several the first of these is named.
LAYOUT, WIDTH, START_UP, MEMORY = "layout", "width", "start-up", "memory"
DEPTHWISE, FUNCTION, UNEXPLAINED = "depthwise", "function", "unexplained"
# ONNX Runtime's, OpenVINO's, and PyTorch's.
_LAYOUT_KINDS = frozenset(("ReorderInput", "ReorderOutput", "Transpose", "Reorder", "contiguous", "clone"))
# Their arithmetic is no multiply-adds, so that the roof says nothing of it. Each runtime has words of its own.
_FUNCTION_KINDS = re.compile(
    "gelu|erf|exp(?!and)|sig|swish|silu|mish|tanh|soft|norm|(?<!r)elu|pow|sqrt|log|reduce|mean|pool|div|resize"
    "|mvn|^rms|interpolate|upsample|grid_?sample",
    re.IGNORECASE,
)
# An operator of so few microseconds is mostly its own start, unless it comes near the roof even so.
_SHORT_MS = 0.02
_NEAR_ROOF, _FAR_FROM_ROOF = 0.5, 0.25


def cause_of(operator: ProfiledOperator, ms: float, roof: Roof | None) -> str | None:
    """What holds an operator up; None where it computes about as fast as the machine can, or nobody knows."""
    if operator.kind in _LAYOUT_KINDS:
        return LAYOUT
    if operator.unaligned:
        return WIDTH
    least = least_ms(operator, roof)
    if roof is None or least is None or not ms:
        return None
    if ms < _SHORT_MS and least < _NEAR_ROOF * ms:
        return START_UP
    if _memory_ms(operator, roof) >= max(_compute_ms(operator, roof), _NEAR_ROOF * ms):
        return MEMORY
    if least >= _FAR_FROM_ROOF * ms:
        return None
    if operator.depthwise:
        return DEPTHWISE
    return FUNCTION if not operator.macs and _FUNCTION_KINDS.search(operator.kind) else UNEXPLAINED


def least_ms(operator: ProfiledOperator, roof: Roof | None) -> float | None:
    """What an operator takes where the machine's roof alone holds it up; None where that was not measured."""
    return None if roof is None else max(_compute_ms(operator, roof), _memory_ms(operator, roof))


def _compute_ms(operator: ProfiledOperator, roof: Roof) -> float:
    return operator.macs / roof.multiply_adds.per_s * 1e3


def _memory_ms(operator: ProfiledOperator, roof: Roof) -> float:
    return operator.moved_bytes / roof.bytes_per_s(operator.moved_bytes) * 1e3
