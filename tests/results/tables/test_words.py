import msgspec
import pytest

from results.tables.words import counted, labels, milliseconds, percent
from tests.fakes import timed_artifact


@pytest.mark.parametrize(
    ("value", "shown"),
    [(106.946, "106.95"), (12.345, "12.35"), (0.1026, "0.103"), (0.0525, "0.0525"), (0.00213, "0.00213")],
)
def test_short_times_keep_their_digits(value: float, shown: str) -> None:
    assert milliseconds(value) == shown


@pytest.mark.parametrize(("share", "text"), [(0.005, "0.5 %"), (0.0025, "0.25 %"), (0.05, "5 %"), (0.07, "7 %")])
def test_a_percentage_is_shown_as_it_was_given(share: float, text: str) -> None:
    assert percent(share) == text


def test_files_that_look_alike_are_told_apart_by_their_hashes() -> None:
    other = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    assert labels([timed_artifact(), other, timed_artifact("mine")]) == [
        "efficientmod_xxs (5555555)",
        "efficientmod_xxs (7777777)",
        "mine",
    ]


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [(1, ("round",), "1 round"), (2, ("round",), "2 rounds"), (0, ("process", "processes"), "0 processes")],
)
def test_what_is_counted_is_one_or_several(count: int, words: tuple[str, ...], text: str) -> None:
    assert counted(count, *words) == text
