import io

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from effmod_bench.screen.progress import ProgressDisplay, in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 5 s"),
        (42, "about 40 s"),
        (89, "about 90 s"),
        (90, "about 2 min"),
        (5300, "about 88 min"),
        (5400, "about 1.5 h"),
    ],
)
def test_a_duration_is_in_words_as_people_say_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_log_has_a_line_a_round() -> None:
    log: list[str] = []
    with ProgressDisplay(log.append, "measuring", "process", None) as display:
        for rounds_done, name, left_s in ((0.0, "a", None), (0.4, "a", 90.0), (1.0, "b", 40.0), (1.9, "b", 5.0)):
            display.show(name, rounds_done, 2, left_s)
    assert log == ["process 1 of 2, a", "process 2 of 2, b, about 40 s left"]


def test_a_terminal_has_a_bar_that_is_drawn_when_it_is_told_to() -> None:
    screen, log = io.StringIO(), list[str]()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rounds]}, {task.fields[left]}"),
        console=Console(file=screen, force_terminal=True, width=120),
        auto_refresh=False,
    )
    with ProgressDisplay(log.append, "measuring", "round", bar) as display:
        display.show("a", 0.5, 4, 90.0)
        assert "round 1 of 4, about 2 min left" in screen.getvalue()
        assert (bar.tasks[0].description, bar.tasks[0].percentage) == ("a", 12.5)
    assert bar.live.is_started is False
    assert log == []
