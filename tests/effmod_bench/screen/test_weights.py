import pytest

from effmod_bench.screen.console import Console
from effmod_bench.screen.weights import say_weights

RANDOM, OWN = "random(seed 0)", "the function's own"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([("a", RANDOM), ("b", RANDOM), ("b", RANDOM)], ["weights: random(seed 0)"]),
        (
            [("a", RANDOM), ("mine.onnx", None), ("own.py:f", OWN), ("b", RANDOM)],
            ["weights of a, b: random(seed 0)", "weights of own.py:f: the function's own"],
        ),
        (
            [*((name, RANDOM) for name in "abcd"), ("own.py:f", OWN)],
            ["weights of 4 networks: random(seed 0)", "weights of own.py:f: the function's own"],
        ),
        ([("mine.onnx", None)], []),
    ],
)
def test_each_kind_is_said_in_one_line_however_quiet(
    weights: list[tuple[str, str | None]], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    say_weights(Console(-1), weights)
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in said))
