import json
from typing import Any

import pytest

from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.python import MARK, choose

FACTS: dict[str, Any] = {
    "version": [3, 11, 2],
    "implementation": "cpython",
    "system": "Linux",
    "machine": "aarch64",
    "libc": "2.36",
    "bits": 64,
    "executable": "/usr/bin/python3",
}


def said(*pythons: dict[str, Any]) -> str:
    """What a board answers whose shell greets its user."""
    return "Welcome!\n" + f"{MARK}\n" + "".join(f"{json.dumps(FACTS | each)}\n" for each in pythons)


def test_the_first_that_will_do_is_taken() -> None:
    newer = {"version": [3, 12, 1], "executable": "/usr/bin/python3.12"}
    assert choose(said({}, newer)).executable == "/usr/bin/python3"
    assert choose(said({"version": [3, 9, 2]}, newer)).executable == "/usr/bin/python3.12"


@pytest.mark.parametrize("line", ["{oops", "{}", '{"version": [3, 11]}', '{"version": "\\ud800"}'])
def test_a_board_that_answers_something_else_is_a_board_that_cannot_be_used(line: str) -> None:
    with pytest.raises(BoardError) as caught:
        choose(f"{MARK}\n{line}\n")
    assert caught.value.reason == "it answers what effmod does not understand"
    assert "it said '{" in str(caught.value)


@pytest.mark.parametrize(
    ("pythons", "reason"),
    [
        ([], "it has no python3"),
        ([{"version": [3, 10, 12]}], "its python3 is 3.10.12, and numpy and onnxruntime need 3.11 or newer"),
        ([{"system": "Darwin"}], "it runs Darwin, and a board is to run Linux"),
        ([{"bits": 32}], "its system is a 32-bit one"),
        ([{"implementation": "pypy"}], "its python3 is 3.11.2"),
    ],
)
def test_a_board_without_one_is_told_why(pythons: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(BoardError) as caught:
        choose(said(*pythons))
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("answer", "told"), [("This account is not available.\n", "This account is not"), ("", "there")]
)
def test_a_user_who_may_run_nothing_is_no_board_without_python(answer: str, told: str) -> None:
    with pytest.raises(BoardError) as caught:
        choose(answer)
    assert caught.value.reason == "its user may run no commands there"
    assert told in str(caught.value)
