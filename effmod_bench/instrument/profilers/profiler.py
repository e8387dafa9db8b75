"""A profiler: a session with the runtime's own account of what each of its operators took."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from effmod_bench.instrument.process.messages import Seen
from effmod_bench.instrument.sessions.session import Session


class ProfileError(ValueError):
    """What the profiler has told is no whole profile."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a profiler has told.

    Attributes:
        operators: in the order in which they run.
        run_us: what was taken as a whole, as often as each operator has durations.
        runs_each: how many runs each duration is the sum of.
    """

    operators: tuple[Seen, ...]
    run_us: tuple[int, ...]
    runs_each: int = 1


class Profiler(Protocol):
    """A session that is profiled. It makes all its runs by `run`.

    Attributes:
        block: so many runs that count follow each other, before as many without the profiler; None for all of them.
    """

    session: Session
    block: int | None

    def run(self) -> object:
        """One inference."""
        ...

    def begin(self) -> None:
        """The runs from here to `end` count: a block of them."""
        ...

    def end(self) -> None:
        """The block is over."""
        ...

    def read(self, counted: Sequence[int], taken_ns: Sequence[int]) -> Account:
        """What was seen of the runs that count. The profiler is off after it.

        Args:
            counted: which of all runs these are, from 0.
            taken_ns: what each of them took by the clock.

        Raises:
            ProfileError: what the profiler has told is cut short, or is of other operators than ran.
        """
        ...
