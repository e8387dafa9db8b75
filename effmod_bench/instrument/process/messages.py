"""What is said between a command and the process that times for it: one line of JSON a message."""

import msgspec

from effmod_bench.instrument.sessions.session import SessionRequest
from results import InputTensor, SessionFacts


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
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


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
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class PairJob(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Which two artifacts a worker is to time, and in what order.

    Attributes:
        members: by the letters "A" and "B".
        load_order, order: of loading, and of the timed runs; a letter each.
        cores: to bind the process to, before it starts threads; None for none.
        tries_other: time a few inferences of another input of each first.
    """

    members: dict[str, PairMember]
    load_order: str
    order: str
    warmup_runs: int
    tries_other: bool = False
    cores: tuple[int, ...] | None


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


Message = Loaded | Warm | Timed | PairTimed | Broken
