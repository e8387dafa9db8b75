"""What a person states of what a store holds."""

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.runs.stated import with_stated
from results import AccuracySource, Round, summarise
from results.frame import Contents
from results.statistics.timed import Pool
from tests.fakes import make_accuracy, make_round, timed_artifact


def contents(*rounds: Round) -> Contents:
    pool = Pool()
    return Contents(rounds=tuple(map(pool.timed_round, rounds)), pairs=(), by_hand=())


def other(sha256: str, **changes: str) -> Round:
    return make_round(artifact=msgspec.structs.replace(timed_artifact(), sha256=sha256 * 64, **changes))


def test_an_accuracy_is_stated_of_a_network_in_all_its_equal_files() -> None:
    found = with_stated(
        contents(make_round(), other("9", form="rewritten")), {"efficientmod_xxs": 77.3}, say=pytest.fail
    )
    said = [m.accuracy for m in summarise(found.rounds, accuracies=found.accuracies)]
    assert [(each.top1, each.source) for each in said if each] == [(77.3, AccuracySource.STATED)] * 2


def test_what_need_not_be_as_accurate_is_named_by_its_hash() -> None:
    both = contents(make_round(), other("9", weights="net.pth (sha256 0123456789ab)"))
    with pytest.raises(TargetError, match=r"5555555 \(plain, 224 px, random\(seed 0\)\), 9999999 \(plain, 224 px, net"):
        with_stated(both, {"efficientmod_xxs": 77.3}, say=pytest.fail)
    found = with_stated(both, {"9999999": 77.3}, say=pytest.fail)
    assert [m.own_accuracy is not None for m in summarise(found.rounds, accuracies=found.accuracies)] == [False, True]


def test_what_was_not_measured_is_refused() -> None:
    with pytest.raises(TargetError, match="--top1 mine: nothing of this name was measured; there is efficientmod_xxs"):
        with_stated(contents(make_round()), {"mine": 77.3}, say=pytest.fail)


def test_what_was_measured_counts_before_what_is_stated_and_that_is_said() -> None:
    round_, said = make_round(), list[str]()
    own = msgspec.structs.replace(contents(round_), accuracies=(make_accuracy(round_.artifact),))
    found = with_stated(own, {"efficientmod_xxs": 77.3}, say=said.append)
    (measurement,) = summarise(found.rounds, accuracies=found.accuracies)
    assert measurement.accuracy is not None
    assert measurement.accuracy.source is AccuracySource.MEASURED
    (text,) = said
    assert text.startswith("the --top1 of efficientmod_xxs is not shown: 'effmod verify --data' measured 75.0 %")
