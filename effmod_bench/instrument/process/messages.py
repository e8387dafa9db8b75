"""What is said between a command and the process that times for it: one line of JSON a message."""

import msgspec

from effmod_bench.instrument.sessions.session import SessionRequest
from results import InputTensor, Joined, Runtime, SessionFacts


class Job(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a worker is to time.

    Attributes:
        feeds: what each input is fed, by name, in words; several where they are taken in turn. By the rule, for an
            input that is not there.
        mean, std: by channel, of the images that are fed.
        tries_other: time a few inferences of another input first.
    """

    session: SessionRequest
    inputs: tuple[InputTensor, ...]
    feeds: dict[str, tuple[str, ...]] = {}
    tries_other: bool = False
    warmup_runs: int
    runs: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class ProfileJob(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a worker is to profile.

    Attributes:
        session: with the profiler's folder.
        runs: with the profiler on, and as many without, in blocks by turns.
        plain_first: whether those without come first.
        feeds, mean, std: as of a `Job`.
    """

    session: SessionRequest
    inputs: tuple[InputTensor, ...]
    feeds: dict[str, tuple[str, ...]] = {}
    warmup_runs: int
    runs: int
    plain_first: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An operator as the profiler saw it.

    Attributes:
        input_shapes, output_shapes: of tensors, without the weights that the runtime has packed in a layout of its own.
        input_bytes, output_bytes: of its tensors, weights apart.
        durations_us: of each run, in whole microseconds; or of all together.
        module: whose it is, where the runtime knows modules.
        origins: the values of the file that it was made for, where the runtime tells which.
        around: those of its neighbours, where nothing is known of its own.
        joined: how its module or its origins were found.
        weight: the share of an inference's work that the runtime's plan estimates, of which nothing ran; else None.
        macs, weight_bytes, depthwise: as of a `ProfiledOperator`, where the runtime tells what an operator computes;
            of ONNX Runtime the graph that it writes does.
    """

    name: str
    kind: str
    provider: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    input_bytes: int
    output_bytes: int
    durations_us: tuple[int, ...]
    module: str | None = None
    origins: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    joined: Joined | None = None
    weight: float | None = None
    macs: int = 0
    weight_bytes: int = 0
    depthwise: bool = False


class Profiled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The profile is done.

    Attributes:
        operators: in the order in which they run.
        run_us: each run as a whole, by the profiler.
        runs_each: how many runs each duration of an operator, and each of `run_us`, is the sum of.
        with_ns, without_ns: each run with the profiler, and without, by the clock.
    """

    session: SessionFacts
    operators: tuple[Seen, ...]
    run_us: tuple[int, ...]
    runs_each: int = 1
    with_ns: tuple[int, ...]
    without_ns: tuple[int, ...]


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The artifact is loaded and has run once; the warm-up begins."""

    first_inference_ns: int


class Warm(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What is to be timed is loaded and warm; the timed runs begin. `expected_ns` is about one of them."""

    expected_ns: int


class Timed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The round is done. `warmup_runs` were made, and `steady` says whether they had settled.

    Attributes:
        parts_ns: of each timed run, what a part of it took, by the part's name.
        fed_ns, other_ns: a few inferences each, in turn, of what is fed and of another input, where that was tried.
    """

    session: SessionFacts
    load_ns: int
    first_inference_ns: int
    warmup_runs: int = 0
    steady: bool | None = None
    durations_ns: tuple[int, ...]
    parts_ns: dict[str, tuple[int, ...]] = {}
    fed_ns: tuple[int, ...] = ()
    other_ns: tuple[int, ...] = ()
    gpu_durations_ns: tuple[int, ...] | None = None
    peak_memory_bytes: int | None


class Broken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The artifact could not be timed. `detail` is the traceback, for the log."""

    reason: str
    detail: str


class PairMember(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two artifacts, and what it is fed.

    Attributes:
        feeds, mean, std: as of a `Job`.
    """

    session: SessionRequest
    inputs: tuple[InputTensor, ...]
    feeds: dict[str, tuple[str, ...]] = {}
    mean: tuple[float, ...]
    std: tuple[float, ...]


class PairJob(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Which two artifacts a worker is to time, and in what order.

    Attributes:
        members: by the letters "A" and "B".
        load_order, order: of loading, and of the timed runs; a letter each.
        cores: to bind the process to, before it starts threads; None for none.
        tries_other: time a few inferences of another input of each first.
        outputs: a file, to be written, for what the only one of the two that this process has gave; None where it has
            both.
    """

    members: dict[str, PairMember]
    load_order: str
    order: str
    warmup_runs: int
    tries_other: bool = False
    cores: tuple[int, ...] | None
    outputs: str | None = None

    @property
    def runtimes(self) -> tuple[Runtime, Runtime]:
        """Of the two, the baseline's first."""
        return self.members["A"].session.options.runtime, self.members["B"].session.options.runtime


class PairTimed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Both were timed. Two fields go by "A" and "B"; durations are in the order in which the runs were made.

    Attributes:
        fed_ns, other_ns: as of a `Timed`; without those of which another input was not tried.
        relative_error: of what B gave against what A gave; None where the two cannot be set side by side.
    """

    sessions: dict[str, SessionFacts]
    durations_ns: dict[str, tuple[int, ...]]
    fed_ns: dict[str, tuple[int, ...]] = {}
    other_ns: dict[str, tuple[int, ...]] = {}
    relative_error: float | None = None

    @property
    def session(self) -> SessionFacts:
        """The baseline's."""
        return self.sessions["A"]


Message = Loaded | Warm | Timed | PairTimed | Profiled | Broken
