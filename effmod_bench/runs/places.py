"""The places that a run measures at, opened and left, and what is done at all of them at once."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.fleet.versions import differences
from effmod_bench.instrument.estimate import Progress
from effmod_bench.instrument.place import Place
from effmod_bench.screen.console import Console

P = TypeVar("P", bound=Place)


class Open(Place, Protocol):
    """A place elsewhere, which is to be reached first; `lost` where that fails."""

    @property
    def turn(self) -> str:
        """When it is taken, among others: each run takes places in one order, or two could wait for each other."""
        ...

    def open(self) -> None: ...


_LOOK_S = 0.5


@contextlib.contextmanager
def opened(console: Console, places: Sequence[Open], *, what: str, same_versions: bool = False) -> Iterator[None]:
    """Reach each of several places elsewhere, supply and lock it, one after the other, until the block ends.

    One that cannot be used stays among them, lost.

    Args:
        what: they are, in words.
        same_versions: refuse them where their software differs.

    Raises:
        DeviceUnavailableError: none of them can be used, or their software differs.
    """
    try:
        in_turn = sorted(places, key=lambda place: place.turn)
        _at_each(in_turn, lambda place: place.open(), lambda place: place.close(), at_once=1)
        if all(place.lost is not None for place in places):
            reasons = "; ".join(f"{place.name}: {place.lost}" for place in places)
            raise DeviceUnavailableError(f"no {what} can be used: {reasons}")
        _compare_versions(console, places, same_versions=same_versions)
        yield
    finally:
        for place in places:
            place.close()


def _compare_versions(console: Console, places: Sequence[Place], *, same_versions: bool) -> None:
    differ = differences({str(place.name): place.machine for place in places if place.lost is None})
    if differ and same_versions:
        raise DeviceUnavailableError(
            f"versions differ, and --same-versions was asked for: {'; '.join(differ)}; install the same ones, or leave "
            "the machine out"
        )
    if differ:
        console.warn(f"versions differ, which --same-versions would refuse: {'; '.join(differ)}")


def everywhere(places: Sequence[Place], work: Callable[[Place], None]) -> None:
    """Do something at each place, at all of them at once.

    Raises:
        Exception: what the first raises that does; the others are cut short then.
        KeyboardInterrupt: the user interrupts; nothing goes on at any of them by then.
    """
    if len(places) == 1:
        work(places[0])
        return

    _at_each(places, work, lambda place: place.close(), at_once=len(places))


def _at_each(places: Sequence[P], work: Callable[[P], None], leave: Callable[[P], None], *, at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        left: set[Future[None]] = {pool.submit(work, place) for place in places}
        try:
            while left:
                # Woken now and then: on some systems Ctrl-C does not end such a wait.
                done, left = wait(left, _LOOK_S, return_when=FIRST_COMPLETED)
                for task in done:
                    task.result()
        except BaseException:
            for place in places:
                leave(place)
            raise


class Shares:
    """The progress of several places as one."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._told: dict[str | None, tuple[float, int, float | None]] = {}

    def of(self, place: Place) -> Progress:
        """Where a place tells how far it is."""
        return _Share(self, place)

    def tell(self, place: str | None, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        """A place is so far; all together are as far as the sum, and take as long as the slowest."""
        with self._lock:
            self._told[place] = rounds_done, rounds, left_s
            done, every, left = zip(*self._told.values(), strict=True)
            slowest = None if None in left else max(left)
            where = name if place is None else f"{place}: {name}"
            self._progress.show(where, sum(done), sum(every), slowest)


class _Share:
    def __init__(self, shares: Shares, place: Place) -> None:
        self._shares, self._place = shares, place

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        self._shares.tell(self._place.name, name, rounds_done, rounds, left_s)
