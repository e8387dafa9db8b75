import msgspec
import pytest

from results.statistics.node_data import node_data_of, placed_share
from results.statistics.profile import summarise_profiles
from tests.fakes import make_profile


def test_each_operator_of_the_file_has_the_time_of_all_that_was_made_of_it() -> None:
    record = make_profile(
        [[100, 100], [20, 20], [40, 40], [30, 30], [10, 10]],
        modules=["a", "a", "b", None, "b"],
        origin=["conv2d", "conv2d", "node_add", None, "what the runtime's reader made beside them"],
    )
    (profiled,) = summarise_profiles([record])
    assert profiled is not None
    operators = {"conv2d": "node_conv2d", "node_add": "node_add"}  # one is known by its value, one by its own name
    data = msgspec.to_builtins(node_data_of(profiled, "main_graph", operators))
    assert list(data) == ["main_graph"]
    assert data["main_graph"]["results"] == {"node_conv2d": {"value": 0.12}, "node_add": {"value": 0.04}}
    gradient = data["main_graph"]["gradient"]
    assert [stop["stop"] for stop in gradient] == [0, 0.5, 1]
    assert all(stop["bgColor"].startswith("#") for stop in gradient)
    assert placed_share(profiled, operators) == pytest.approx(0.8)
