"""How far a run is, on a terminal or in a log."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from results.tables.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressDisplay:
    """The state of a run: a bar on a terminal, or in a log a line a round, or whatever the `unit` is.

    Args:
        note: prints a line of the log.
        bar: what a terminal shows; None where there is none.
    """

    def __init__(self, note: Callable[[str], None], title: str, unit: str, bar: "Progress | None") -> None:
        self._note = note
        self._unit = unit
        self._bar = bar
        self._task = self._bar.add_task(title, rounds="", left="", total=None) if self._bar else None
        self._logged = -1

    def __enter__(self) -> "ProgressDisplay":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        number = int(rounds_done)
        counted = f"{self._unit} {number + 1} of {rounds}"
        left = "" if left_s is None else f"{in_words(left_s)} left"
        if self._bar and self._task is not None:
            self._bar.update(
                self._task,
                description=visible(name),
                rounds=counted,
                left=left,
                completed=rounds_done,
                total=rounds,
                refresh=True,
            )
        elif number > self._logged:
            self._logged = number
            self._note(", ".join(filter(None, (counted, name, left))))


def in_words(seconds: float) -> str:
    """A duration as people say it: "about 40 s", "about 5 min", "about 2.5 h"."""
    if seconds < 90:
        return f"about {max(5, round(seconds / 5) * 5):.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
