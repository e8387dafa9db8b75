import pytest

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.fleet.cluster import NodeFacts
from effmod_bench.fleet.draw import Drawn, check_enough, draw


def node(number: int, kind: str | None, *, gpus: float = 0.0, **labels: str) -> NodeFacts:
    accelerator = {} if kind is None else {"ray.io/accelerator-type": kind}
    return NodeFacts(id=f"{number:056x}"[::-1], names=(), labels=accelerator | labels, cpus=4.0, gpus=gpus)


T4S = [node(number, "T4", gpus=1.0) for number in range(1, 6)]
OTHERS = [node(8, "A100", gpus=1.0, shelf="top"), node(9, None, shelf="top")]
NODES = [*T4S, *OTHERS]


def test_different_nodes_of_each_kind_are_drawn_by_the_seed() -> None:
    drawn = Drawn(kinds=("T4", "A100"), nodes=1, seed=0)
    seen = set()
    for seed in range(20):
        three = Drawn(kinds=("T4",), nodes=3, seed=seed)
        found = draw(three, NODES, {})
        assert list(found) == ["T4 1", "T4 2", "T4 3"]
        ids = [facts.id for facts in found.values() if facts]
        assert len(set(ids)) == 3
        assert draw(three, NODES, {}) == found
        seen |= set(ids)
    assert seen == {facts.id for facts in T4S}
    assert draw(drawn, NODES, {})["A100 1"] == OTHERS[0]


def test_a_kind_is_an_accelerator_or_a_label() -> None:
    assert Drawn().all_kinds(NODES) == ("A100", "T4", "cpu")
    assert Drawn(on_gpu=True).all_kinds(NODES) == ("A100", "T4")
    assert Drawn().of_kind("shelf=top", NODES) == OTHERS
    assert Drawn(kinds=("shelf=top",), nodes=2).places == ("top 1", "top 2")


def test_too_few_nodes_are_refused_and_a_run_that_is_resumed_needs_one() -> None:
    check_enough(Drawn(kinds=("T4",), nodes=5), NODES, resumed=False)
    with pytest.raises(DeviceUnavailableError, match=r"has 5 nodes of T4, and 6 are asked for; it has 1 of A100, 5 of"):
        check_enough(Drawn(kinds=("T4",), nodes=6), NODES, resumed=False)
    check_enough(Drawn(kinds=("T4",), nodes=6), NODES, resumed=True)
    with pytest.raises(DeviceUnavailableError, match=r"has 0 nodes of cpu.* it has 1 of A100, 5 of T4"):
        check_enough(Drawn(kinds=("cpu",), on_gpu=True), NODES, resumed=False)
    with pytest.raises(DeviceUnavailableError, match="it has none that can be used"):
        check_enough(Drawn(), [], resumed=False)


def test_on_resuming_each_place_is_its_node_again_and_none_where_that_is_gone() -> None:
    drawn = Drawn(kinds=("T4",), nodes=3)
    first = draw(drawn, NODES, {})
    began = {facts.short_id: place for place, facts in first.items() if facts and place != "T4 3"}
    gone = first["T4 1"]
    left = [facts for facts in NODES if facts != gone]
    again = draw(drawn, left, began)
    assert again["T4 1"] is None
    assert again["T4 2"] == first["T4 2"]
    assert again["T4 3"] in left
    assert again["T4 3"] != first["T4 2"]


def test_a_node_of_two_kinds_is_drawn_as_the_one_that_has_no_other_or_refused() -> None:
    """Of three nodes one is of both kinds; of one kind there is no other."""
    both, more = OTHERS[0], node(7, "A100", gpus=1.0)
    for seed in range(10):
        for kinds in (("A100", "shelf=top"), ("shelf=top", "A100")):
            drawn = Drawn(kinds=kinds, seed=seed)
            assert draw(drawn, [both, more], {}) == {"A100 1": more, "top 1": both}
            assert draw(drawn, [both], {})[f"{'top' if kinds[0] == 'A100' else 'A100'} 1"] is None
            with pytest.raises(DeviceUnavailableError, match=r"too few nodes for 1 of each of .*shelf=top"):
                check_enough(drawn, [both], resumed=False)
            check_enough(drawn, [both], resumed=True)
    assert draw(Drawn(kinds=("A100", "shelf=top")), [both, more], {more.short_id: "A100 1"})["top 1"] == both
