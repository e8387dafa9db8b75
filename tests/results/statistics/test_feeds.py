import msgspec
import pytest

from results import ArtifactSource, Fed, InputTensor, Round, StabilityWarning, TimedArtifact, summarise
from results.statistics.feeds import feed_spread, input_dependence, may_depend
from tests.fakes import make_round, session_facts, timed_artifact


def artifact(*, given: bool = False, feeds: int = 1, value: str = "normal", sha256: str = "a" * 64) -> TimedArtifact:
    fed = Fed(value=value, given=given, feeds=feeds, sha256=sha256)
    tensor = InputTensor(name="x", shape=(1, 8), dtype="float", fed=fed)
    return msgspec.structs.replace(timed_artifact(), source=ArtifactSource.FILE, inputs=(tensor,))


def tried(fed_ms: list[float], other_ms: list[float]) -> Round:
    fed, other = (tuple(round(ms * 1e6) for ms in times) for times in (fed_ms, other_ms))
    return msgspec.structs.replace(make_round(artifact=artifact()), fed_ns=fed, other_ns=other)


def test_a_time_that_depends_on_the_input_is_told_with_both_figures() -> None:
    (row,) = summarise([tried([2, 2.1, 2.2], [9, 9.5, 10]), make_round(artifact=artifact(), index=1)])
    assert row.input_dependence is not None
    assert (row.input_dependence.fed_ms, row.input_dependence.other_ms) == (2.1, 9.5)
    assert StabilityWarning.INPUT_DEPENDENT in row.warnings


@pytest.mark.parametrize(
    ("fed_ms", "other_ms"),
    [
        ([2.0, 2.1, 9.9], [9.0, 9.5, 10.0]),  # one of these took as long as those
        ([2.0, 2.0, 2.0], [2.1, 2.1, 2.1]),  # a twentieth
        ([], []),
    ],
)
def test_a_difference_within_the_scatter_or_a_small_one_is_none(fed_ms: list[float], other_ms: list[float]) -> None:
    record = tried(fed_ms, other_ms)
    assert input_dependence([(record.fed_ns, record.other_ns)]) is None


def test_operators_that_look_at_values_are_warned_of_where_these_were_made_up() -> None:
    session = msgspec.structs.replace(session_facts(), nodes={"CPUExecutionProvider": {"Conv": 3, "TopK": 1, "If": 2}})
    assert may_depend(artifact(), session) == ["If", "TopK"]
    assert may_depend(artifact(given=True), session) == []
    assert may_depend(timed_artifact(), session) == []  # of a network that is known, and older records say nothing
    assert may_depend(artifact(), session_facts()) == []
    deciding = msgspec.structs.replace(artifact().inputs[0], decides_sizes=True)
    by_size = msgspec.structs.replace(artifact(), inputs=(deciding,))
    assert may_depend(by_size, session_facts()) == ["x"]
    given = msgspec.structs.replace(deciding, fed=Fed(value="1", given=True, sha256="a" * 64))
    assert may_depend(msgspec.structs.replace(by_size, inputs=(given,)), session_facts()) == []
    record = make_round(artifact=artifact())
    environment = msgspec.structs.replace(record.environment, session=session)
    (row,) = summarise([msgspec.structs.replace(record, environment=environment)])
    assert row.warnings == (StabilityWarning.MADE_UP_INPUT,)


def test_the_spread_over_inputs_follows_their_turns_which_begin_with_the_warm_up() -> None:
    taken = msgspec.structs.replace(make_round([1, 2, 3, 1, 2, 3], artifact=artifact(feeds=3)), warmup_runs=3)
    assert feed_spread([taken]) == pytest.approx(1.0)  # (3 - 1) / 2
    later = msgspec.structs.replace(make_round([3, 1, 2], artifact=artifact(feeds=3), index=1), warmup_runs=5)
    assert feed_spread([taken, later]) == pytest.approx(1.0)
    (row,) = summarise([taken, later])
    assert row.feed_spread == pytest.approx(1.0)
    assert feed_spread([make_round(artifact=artifact())]) is None


def test_measurements_of_different_feeds_are_not_pooled() -> None:
    rounds = [make_round(artifact=artifact(sha256=letter * 64), index=index) for index, letter in enumerate("aab")]
    assert [row.latency and row.latency.rounds for row in summarise(rounds)] == [2, 1]
