"""The record of a profiled process: what each operator took, as the runtime's own profiler tells, or would take."""

from enum import StrEnum

import msgspec

from results.records.artifact import TimedArtifact
from results.records.base import Count, Nanoseconds, Record
from results.records.environment import Environment
from results.records.measured import Outcome
from results.records.plan import ProfilePlan


class Joined(StrEnum):
    """How an operator of the runtime's graph was found to belong to a module."""

    VALUE = "value"
    """It gives, copies, or stands on the only way to, a value of the file that is known to be the module's."""
    NAME = "name"
    """It is named after one of the file's operators."""
    NEIGHBOURS = "neighbours"
    """It stands between operators that are known: a guess."""
    CALL = "call"
    """The module called it, in a runtime that runs the network itself."""


class ProfiledOperator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator of the graph that the runtime made of the file.

    Attributes:
        name, kind: the runtime's own; of OpenVINO, which numbers its operators anew each time, the name is that of the
            value of the file that it was made for, and of PyTorch that of the module that called it, both numbered.
        provider: that ran it; of OpenVINO its implementation, such as "brgconv_avx512_f32"; of Core ML's plan the
            processor that would, such as "Neural Engine", or "" where the plan does not tell.
        module: the path of the module of the network that it belongs to; "" for the network itself, None where nobody
            knows.
        joined: how that was found; None where it was not.
        origin: the value or operator of the file that it was made for; None where there is no file, where it is a
            guess, and in records from before it was kept.
        output_shape: of its first output.
        macs: multiply-adds, with those of channels that the runtime fills up.
        input_bytes, output_bytes: of the tensors that it reads and writes, weights apart.
        weight_bytes: of the constants that it reads.
        unaligned: a convolution that has not the channels which the runtime's blocked layout asks for.
        depthwise: a convolution of each channel by itself.
    """

    name: str
    kind: str
    provider: str
    module: str | None
    joined: Joined | None
    origin: str | None = None
    output_shape: tuple[Count, ...] = ()
    macs: Count = 0
    input_bytes: Count = 0
    output_bytes: Count = 0
    weight_bytes: Count = 0
    unaligned: bool = False
    depthwise: bool = False

    @property
    def moved_bytes(self) -> int:
        """What it reads and writes."""
        return self.input_bytes + self.output_bytes + self.weight_bytes


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine was seen to do in a second at best, with an interval over processes.

    Attributes:
        size_bytes: of all that was worked on.
        by: what did it, such as "onnxruntime" or "numpy".
    """

    per_s: float
    low: float
    high: float
    size_bytes: Count
    by: str


class Roof(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine can do, measured: no operator is expected to do more.

    Attributes:
        threads: that it was measured with.
        multiply_adds: of a product of two matrices in float32, the best of all that was tried.
        bytes: read and written, by how much was worked on, from the smallest (the nearest cache) to memory.
    """

    threads: Count
    multiply_adds: Rate
    bytes: tuple[Rate, ...]

    def bytes_per_s(self, size_bytes: int) -> float:
        """Of work on so many bytes: as fast as the largest that was measured of no more, or the smallest of all."""
        held = [rate.per_s for rate in self.bytes if rate.size_bytes <= size_bytes]
        return held[-1] if held else self.bytes[0].per_s


class Profile(Record, frozen=True, kw_only=True, tag="profile"):
    """One fresh process in which the runtime's profiler was on. Its times are never mixed with those of a round.

    Attributes:
        run_id: of the invocation that it belongs to.
        target: which of the plan's targets it is of.
        index: which of that target's processes, from 0.
        failure: the reason, where `outcome` is failed.
        operators: of the runtime's graph, in the order in which they run.
        kernel_us: by operator, what each run of it took, in whole microseconds, as the profiler gives them.
        run_us: each run as a whole, by the same profiler, or else by the clock.
        runs_each: how many runs each of these is the sum of: of a profiler that tells no single ones, all that count.
        with_ns, without_ns: inferences with the profiler and, in a second session of the same process, without: what
            the profiler itself costs.
        roof: of the machine that it ran on; None where it was not measured.
        weights: by operator, the share of an inference's work that the runtime's plan estimates. Of such a plan nothing
            ran, so that there are no times; it is empty where there are.

    Raises:
        ValueError: it came to its end, and profiled nothing; or an operator not as often as the whole; or of no run; or
            it has both times and estimates.
    """

    run_id: str
    target: Count
    index: Count
    plan: ProfilePlan
    environment: Environment
    artifact: TimedArtifact
    outcome: Outcome
    failure: str | None = None
    operators: tuple[ProfiledOperator, ...] = ()
    kernel_us: tuple[tuple[Count, ...], ...] = ()
    run_us: tuple[Count, ...] = ()
    runs_each: Count = 1
    with_ns: tuple[Nanoseconds, ...] = ()
    without_ns: tuple[Nanoseconds, ...] = ()
    roof: Roof | None = None
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.weights:
            self._check_plan()
            return
        if self.outcome is Outcome.OK and not (self.run_us and self.operators):
            raise ValueError("outcome is ok, and run_us or operators is empty")
        if self.runs_each < 1:
            raise ValueError("runs_each is 0: a duration is of one run at least")
        if len(self.kernel_us) != len(self.operators):
            raise ValueError(f"kernel_us has {len(self.kernel_us)} rows, and there are {len(self.operators)} operators")
        for taken in self.kernel_us:
            if len(taken) != len(self.run_us):
                raise ValueError(f"kernel_us has {len(taken)} runs of an operator, and run_us {len(self.run_us)}")

    def _check_plan(self) -> None:
        if self.run_us or self.kernel_us:
            raise ValueError("weights are estimates, of a plan of which nothing ran, and there are times")
        if len(self.weights) != len(self.operators):
            raise ValueError(f"weights has {len(self.weights)} rows, and there are {len(self.operators)} operators")
        if not all(weight >= 0 for weight in self.weights) or not sum(self.weights):
            raise ValueError("weights are shares: none is less than 0, and some are more")
