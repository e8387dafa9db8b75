from results.statistics.profile import Profiled, summarise_profiles
from results.statistics.profile_tree import kind_parts, module_parts, operator_parts
from tests.fakes import make_profile


def profiled(times: list[int], modules: list[str | None]) -> Profiled:
    (found,) = summarise_profiles([make_profile([[us] for us in times], modules=modules)])
    assert found is not None
    return found


NETWORK = profiled(
    [100, 200, 300, 400, 50, 1],
    ["stem", "layers.0.blocks.0.fc", "layers.0.blocks.1.fc", "layers.1.blocks.0.fc", "", "norm"],
)


def test_modules_stand_beneath_each_other_and_lists_are_no_level() -> None:
    rows = [(part.depth, part.name) for part in module_parts(NETWORK, depth=2)]
    assert rows == [
        (0, "efficientmod_xxs"),
        (1, "(itself)"),
        (1, "stem"),
        (1, "layers.0"),
        (2, "blocks.0"),
        (2, "blocks.1"),
        (1, "layers.1"),
        (2, "blocks.0"),
        (1, "norm"),
    ]


def test_a_module_has_the_time_of_all_that_is_in_it() -> None:
    parts = {part.path: part.ms.value for part in module_parts(NETWORK, depth=1) if part.name != "(itself)"}
    assert parts[""] == 1.051
    assert parts["layers.0"] == 0.5


def test_what_is_small_stands_together() -> None:
    network = profiled([1000, 1, 1], ["a", "b", "c"])
    assert [part.name for part in module_parts(network)] == ["efficientmod_xxs", "a", "(2 smaller)"]


def test_operators_stand_beneath_the_modules_that_are_shown() -> None:
    rows = [part.name for part in module_parts(profiled([10, 20], ["a.b", "a.c"]), depth=1, operators=True)]
    assert rows == ["efficientmod_xxs", "a", "Conv op_0", "Conv op_1"]


def test_what_belongs_to_no_module_is_said() -> None:
    rows = [part.name for part in module_parts(profiled([10, 20], ["a", None]))]
    assert rows == ["efficientmod_xxs", "a", "(no module)"]


def test_the_slowest_comes_first_by_operator_and_by_kind() -> None:
    assert [part.ms.value for part in operator_parts(NETWORK)][:2] == [0.4, 0.3]
    (kind,) = kind_parts(NETWORK)
    assert (kind.name, kind.operators) == ("Conv", 6)
