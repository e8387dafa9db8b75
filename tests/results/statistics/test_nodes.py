from collections.abc import Sequence
from statistics import stdev

import msgspec
import pytest

from results import Round, summarise
from results.statistics.nodes import by_kind
from tests.fakes import make_round


def on_node(kind: str, number: int, medians: Sequence[float], *, threads: int = 2) -> list[Round]:
    """Rounds of one run on a node, by their medians."""
    found = []
    for index, median in enumerate(medians):
        record = make_round([median], index=index, threads=threads)
        place = msgspec.structs.replace(
            record.environment, place=f"{kind} {number}", kind=kind, node=f"{kind}{number}".ljust(12, "0")
        )
        found.append(msgspec.structs.replace(record, environment=place))
    return found


def test_the_spread_over_nodes_is_taken_apart_into_that_within_and_that_between_them() -> None:
    """A one-way analysis of variance with random effects, by hand."""
    rounds = [*on_node("T4", 1, (9.0, 11.0)), *on_node("T4", 2, (11.0, 13.0)), *on_node("T4", 3, (13.0, 15.0))]
    (found,) = by_kind(summarise(rounds))
    assert (found.kind, found.places, found.node_ms) == ("T4", ("T4 1", "T4 2", "T4 3"), (10.0, 12.0, 14.0))
    assert found.mean_ms == 12.0
    assert found.std_ms == pytest.approx(stdev((10, 12, 14)))
    assert found.within_ms == pytest.approx(2**0.5)
    assert found.between_ms == pytest.approx((4 - 2 / 2) ** 0.5)


def test_what_rounds_within_nodes_explain_is_no_difference_between_nodes() -> None:
    (found,) = by_kind(summarise([*on_node("T4", 1, (8.0, 12.0)), *on_node("T4", 2, (9.0, 13.0))]))
    assert found.std_ms == pytest.approx(0.5**0.5)
    assert found.between_ms == 0.0
    (single,) = by_kind(summarise([*on_node("T4", 1, (8.0,)), *on_node("T4", 2, (9.0,))]))
    assert (single.within_ms, single.between_ms) == (None, None)


@pytest.mark.parametrize(
    ("nodes", "apart"),
    [
        (((10.0, 10.1), (10.1, 10.2), (10.3, 10.2)), ()),
        (((10.0, 10.1), (10.1, 10.2), (12.0, 12.1)), ("T4 3",)),
        (((10.0, 10.1), (12.0, 12.1)), ("T4 1", "T4 2")),
        (((8.0, 12.0), (7.0, 13.0), (9.0, 15.0)), ()),  # rounds of one node lie as far apart
    ],
)
def test_a_node_that_lies_apart_from_its_peers_is_marked(
    nodes: Sequence[Sequence[float]], apart: tuple[str, ...]
) -> None:
    rounds = [record for number, medians in enumerate(nodes, start=1) for record in on_node("T4", number, medians)]
    (found,) = by_kind(summarise(rounds))
    assert found.disagreeing == apart


def on_board(name: str, median: float, *, cores: int = 4) -> Round:
    record = make_round([median])
    machine = msgspec.structs.replace(
        record.environment.machine, cpu_model="Cortex-A76", available_cores=cores, memory_bytes=8_200_000_000
    )
    return msgspec.structs.replace(
        record, environment=msgspec.structs.replace(record.environment, place=name, machine=machine)
    )


def test_boards_are_of_one_kind_where_processor_cores_and_memory_are_the_same() -> None:
    rounds = [on_board("left", 10.0), on_board("right", 12.0), on_board("other", 9.0, cores=8), make_round([1.0])]
    (found,) = by_kind(summarise(rounds))
    assert (found.kind, found.places) == ("Cortex-A76, 4 cores, 8 GiB", ("left", "right"))
    assert found.mean_ms == 11.0


def test_nodes_of_two_runs_are_not_known_to_be_different_machines() -> None:
    first, again = (
        [
            msgspec.structs.replace(record, run_id=run_id)
            for number, median in nodes
            for record in on_node("T4", number, (median, median))
        ]
        for run_id, nodes in (("one", ((1, 9.0), (2, 10.0))), ("two", ((1, 9.0), (2, 10.0), (3, 11.0))))
    )
    assert by_kind(summarise([*first[:2], *again[-2:]])) == []
    assert [each.places for each in by_kind(summarise([*first, *again[:4]]))] == [("T4 1", "T4 2")]
    anew = [
        msgspec.structs.replace(record, environment=msgspec.structs.replace(record.environment, node="anew"))
        for record in first[2:]
    ]
    assert by_kind(summarise([*first[2:], *anew])) == []  # it was resumed on a cluster that had been started anew


def test_kinds_and_settings_are_told_apart_and_a_node_alone_is_no_kind() -> None:
    rounds = [
        *on_node("T4", 1, (9.0, 9.0)),
        *on_node("T4", 2, (9.0, 9.0)),
        *on_node("A100", 1, (3.0, 3.0)),
        *on_node("A100", 2, (3.0, 3.0)),
        *on_node("P100", 1, (30.0, 30.0)),
        *on_node("T4", 1, (20.0, 20.0), threads=1),
        *(make_round([1.0], index=index) for index in range(2)),
    ]
    found = by_kind(summarise(rounds))
    assert [(each.kind, each.mean_ms) for each in found] == [("T4", 9.0), ("A100", 3.0)]
