"""Names are taken apart into what networks share and what they differ in."""

import pytest

from results.statistics.arguments import argument_of, differing_arguments, taken_apart, without


@pytest.mark.parametrize(
    ("name", "base", "arguments"),
    [
        ("net", "net", {}),
        ("my (1).py:net(a=(1, 2), b='(')", "my (1).py:net", {"a": (1, 2), "b": "("}),
        ("model (1).onnx", "model (1).onnx", {}),
        ("net(a=b)", "net(a=b)", {}),
    ],
)
def test_a_name_is_taken_apart(name: str, base: str, arguments: dict[str, object]) -> None:
    assert taken_apart(name) == (base, arguments)


def test_networks_differ_from_those_of_their_own_name_alone() -> None:
    assert differing_arguments(["net(a=1, b=2)", "net(a=1, b=3)", "other(a=2)"]) == ["b"]
    assert differing_arguments(["net(a=1)", "net"]) == ["a"]
    assert differing_arguments(["net(a=1)", "net(a=1)", "other"]) == []


def test_the_rest_of_a_name_stays() -> None:
    assert without("net(a=1, b=(2,))", ["a"]) == "net(b=(2,))"
    assert without("net(a=1)", ["a"]) == "net"
    assert argument_of("net(a=1, b=(2,))", "b") == "(2,)"
    assert argument_of("net(a=1)", "b") is None
