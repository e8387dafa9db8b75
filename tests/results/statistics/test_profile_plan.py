import pytest

from results.statistics.profile import profiles_of_runs
from results.statistics.profile_plan import planned_kinds, planned_modules, planned_operators, plans_of_runs
from tests.fakes import make_plan, make_profile

MODULES = ("stem", "layers.0", "layers.1", "layers.1", None)
WEIGHTS = (0.1, 0.2, 0.1, 0.3, 0.1)  # they need not add up to 1


def test_shares_are_of_all_that_the_plan_tells_and_add_up() -> None:
    (planned,) = plans_of_runs([make_plan(WEIGHTS, modules=MODULES)])
    assert planned.estimated_shares == pytest.approx([0.125, 0.25, 0.125, 0.375, 0.125])
    assert planned.attributed == pytest.approx(0.875)
    whole, *parts = planned_modules(planned, depth=1)
    assert whole.estimated_share == pytest.approx(1)
    assert whole.operators == 5
    assert [(part.path, round(part.estimated_share, 3)) for part in parts] == [
        ("stem", 0.125),
        ("layers.0", 0.25),
        ("layers.1", 0.5),
        ("(no module)", 0.125),
    ]


def test_a_part_has_the_processors_of_its_own_work() -> None:
    processors = ("CPU", "Neural Engine", "GPU", "Neural Engine", "")
    (planned,) = plans_of_runs([make_plan((0.1, 0.2, 0.1, 0.3, 0.0), modules=MODULES, providers=processors)])
    *_, last, nowhere = planned_modules(planned, depth=1)
    assert last.processors == pytest.approx({"Neural Engine": 0.75, "GPU": 0.25})
    assert nowhere.processors == {"unknown": 0.0}
    assert planned.processors == pytest.approx({"Neural Engine": 5 / 7, "CPU": 1 / 7, "GPU": 1 / 7})


def test_operators_and_kinds_come_with_most_of_the_work_first() -> None:
    (planned,) = plans_of_runs([make_plan(WEIGHTS, modules=MODULES, kinds=("conv", "conv", "add", "conv", "add"))])
    assert planned_operators(planned)[0].path == "layers.1"
    assert [(part.name, round(part.estimated_share, 3)) for part in planned_kinds(planned)] == [
        ("conv", 0.75),
        ("add", 0.25),
    ]


def test_operators_stand_beneath_their_modules_where_they_are_asked_for() -> None:
    (planned,) = plans_of_runs([make_plan(WEIGHTS, modules=MODULES)])
    names = [(part.depth, part.name) for part in planned_modules(planned, depth=1, operators=True)]
    assert names[1:3] == [(1, "stem"), (2, "conv op_0")]


def test_a_plan_is_no_profile_and_a_profile_no_plan() -> None:
    plan, profile = make_plan(WEIGHTS, modules=MODULES), make_profile([[10, 11]], modules=["a"])
    assert [each.operators for each in plans_of_runs([plan, profile])] == [plan.operators]
    assert [each.operators for each in profiles_of_runs([plan, profile])] == [profile.operators]
