from pathlib import Path

import msgspec
import pytest

import results
from results import Store, compare, summarise
from results.frame import read_contents
from results.records.measured import ComparisonProcess
from results.statistics.timed import Pool
from tests.fakes import make_comparison_process, make_hand_entry, make_round

MEASURED = Path(results.__file__).parent / "measured"


@pytest.mark.parametrize("folder", ["amd-epyc-2-cores"])
def test_statistics_are_those_of_whole_records(folder: str) -> None:
    store = Store(MEASURED / folder)
    contents = read_contents(store)
    assert len(contents.rounds) == 80
    assert summarise(contents.rounds, contents.pairs) == summarise(store.read(), store.read_kind(ComparisonProcess))


def test_a_store_is_read_in_one_pass_and_in_the_order_in_which_it_was_filled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pairs = [make_comparison_process([1.1, 1.2], index=index) for index in (1, 0, 10)]
    rounds = [make_round([3.0, 4.0], index=index) for index in (1, 0, 10)]
    entry = make_hand_entry()
    for record in (*pairs, *rounds, entry):
        store.write(record)
    contents = read_contents(store)
    assert [each.index for each in contents.rounds] == [0, 1, 10]
    assert [each.index for each in contents.pairs] == [0, 1, 10]
    assert contents.by_hand == (entry,)
    assert summarise(contents.rounds) == summarise(store.read())
    assert compare(contents.pairs) == compare(store.read_kind(ComparisonProcess))


def test_what_rounds_have_in_common_is_there_once() -> None:
    pool, copies = Pool(), []
    for index in range(2):
        record = msgspec.json.decode(msgspec.json.encode(make_round(index=index)), type=results.Round)
        copies.append(pool.timed_round(record))
    first, second = copies
    assert first.plan is second.plan
    assert first.artifact is second.artifact
    assert first.run_id is second.run_id
    assert first.environment.machine is second.environment.machine
    assert first.environment.session is second.environment.session
    assert first.durations_ns.tolist() == [10_000_000, 11_000_000, 12_000_000]
    assert first.gpu_durations_ns is None
