import msgspec
import pytest

from results import ArtifactSource, Machine, Measurement, summarise
from results.statistics.partners import find_partners, on_other_place
from tests.fakes import MACHINE, make_round, timed_artifact

PERFORMANCE, EFFICIENT = (msgspec.structs.replace(MACHINE, affinity=cores) for cores in ((0, 1), (4, 5)))


def row(
    content: str,
    name: str = "m.onnx",
    *,
    machine: Machine = MACHINE,
    run: int = 1,
    warmup: int = 50,
    place: str | None = None,
) -> Measurement:
    """A user's file."""
    artifact = msgspec.structs.replace(timed_artifact(name, form=None), sha256=content * 64, source=ArtifactSource.FILE)
    record = make_round(artifact=artifact, machine=machine, run_id=f"2026010{run}T000000-0000")
    plan = msgspec.structs.replace(record.plan, warmup_runs=warmup)
    environment = msgspec.structs.replace(record.environment, place=place)
    (found,) = summarise([msgspec.structs.replace(record, plan=plan, environment=environment)])
    return found


def paired(before: list[Measurement], after: list[Measurement]) -> list[tuple[int, int]]:
    """Which rows of the one stand beside which of the other."""
    pairs = find_partners(before, after).pairs
    return [
        (
            next(i for i, one in enumerate(before) if one is mine),
            next(i for i, one in enumerate(after) if one is theirs),
        )
        for mine, theirs in pairs
    ]


def test_two_files_of_one_name_are_both_compared_each_with_itself() -> None:
    assert paired([row("a"), row("b")], [row("b"), row("a")]) == [(0, 1), (1, 0)]


def test_of_two_files_of_one_name_the_one_that_changed_is_compared_with_what_it_was() -> None:
    assert paired([row("a"), row("b")], [row("b"), row("c")]) == [(0, 1), (1, 0)]


def test_a_file_that_was_renamed_is_still_itself() -> None:
    found = find_partners([row("a", "old.onnx"), row("b")], [row("a", "new.onnx"), row("c")])
    assert [(one.name, other.name) for one, other in found.pairs] == [("old.onnx", "new.onnx"), ("m.onnx", "m.onnx")]
    assert not found.lost
    assert not found.added


def test_a_network_is_known_by_its_name() -> None:
    before, after = (summarise([make_round(artifact=timed_artifact(name))]) for name in ("resnet18", "deit_tiny"))
    found = find_partners(before, after)
    assert (found.pairs, found.lost, found.added) == ((), tuple(before), tuple(after))


def test_several_files_of_one_name_that_all_changed_are_compared_in_their_order_and_that_is_told() -> None:
    before, after = [row("a"), row("b")], [row("c"), row("d")]
    assert paired(before, after) == [(0, 0), (1, 1)]
    assert find_partners(before, after).by_order == tuple(before)
    assert find_partners(before[:1], after[:1]).by_order == ()


def test_a_second_file_of_a_name_is_compared_though_its_partner_has_one() -> None:
    assert paired([row("a")], [row("a"), row("b", run=2)]) == [(0, 0), (0, 1)]


def test_what_the_second_store_lacks_is_lost() -> None:
    before = [row("a"), row("b"), row("c", "other.onnx")]
    found = find_partners(before, [row("d")])
    assert [(one, other.artifact.sha256[0]) for one, other in found.pairs] == [(before[1], "d")]
    assert found.lost == (before[0], before[2])


def test_rows_of_the_same_cores_are_partners() -> None:
    before = [row("a", machine=PERFORMANCE), row("a", machine=EFFICIENT)]
    assert paired(before, [row("a", machine=EFFICIENT), row("a", machine=PERFORMANCE)]) == [(0, 1), (1, 0)]
    assert paired(before, [row("b", machine=EFFICIENT), row("b", machine=PERFORMANCE)]) == [(0, 1), (1, 0)]
    assert find_partners(before, before[:1]).lost == (before[1],)
    assert find_partners(before[:1], before).added == (before[1],)


def test_boards_of_one_kind_are_compared_each_with_itself() -> None:
    before = [row("a", place="pi1"), row("a", place="pi2")]
    assert paired(before, [row("a", place="pi2"), row("a", place="pi1")]) == [(0, 1), (1, 0)]
    assert paired(before, [row("b", place="pi2"), row("b", place="pi1")]) == [(0, 1), (1, 0)]
    assert find_partners(before, before[1:]).lost == (before[0],)
    assert find_partners(before, before).repeated == ((), ())


@pytest.mark.parametrize("side", [0, 1])
def test_what_was_measured_again_in_its_place_counts_once(side: int) -> None:
    again = [row("a", warmup=50), row("a", warmup=9, run=2)]
    stores = [[row("a")], [row("a")]]
    stores[side] = again
    found = find_partners(*stores)
    assert [pair[side] for pair in found.pairs] == [again[1]]
    assert found.repeated[side] == (again[0],)
    assert not found.repeated[1 - side]
    assert not found.lost


def test_rows_of_another_setting_are_no_partners() -> None:
    eight = summarise([make_round(artifact=timed_artifact(batch_size=8))])
    assert find_partners(summarise([make_round()]), eight).pairs == ()


def test_another_place_is_another_machine_or_other_cores_as_far_as_that_is_known() -> None:
    assert on_other_place(row("a", machine=PERFORMANCE), row("a", machine=EFFICIENT))
    assert on_other_place(row("a"), row("a", machine=msgspec.structs.replace(MACHINE, cpu_model="Another CPU")))
    assert on_other_place(row("a"), row("a", machine=msgspec.structs.replace(MACHINE, cpu_quota=1.5)))
    assert on_other_place(row("a", place="pi1"), row("a", place="pi2"))
    assert on_other_place(row("a", place="pi1", machine=PERFORMANCE), row("a", place="pi2", machine=PERFORMANCE))
    assert not on_other_place(row("a", place="pi1"), row("b", place="pi1"))
    assert not on_other_place(row("a", machine=PERFORMANCE), row("b", machine=PERFORMANCE))
    assert not on_other_place(row("a"), row("a", machine=PERFORMANCE))  # an old record does not tell its cores
