import msgspec

from results import Round
from results.statistics.attempts import failures, last_attempts, settled
from tests.fakes import make_round, timed_artifact


def attempt(number: int, *, index: int = 0, failure: str | None = None) -> Round:
    return msgspec.structs.replace(make_round(index=index, failure=failure), id=f"{index}-{number}", attempt=number)


def test_the_last_attempt_stands_for_its_round_wherever_it_lies() -> None:
    records = [attempt(1), attempt(0, index=1), attempt(0, failure="killed"), attempt(2, index=1), attempt(1, index=1)]
    assert [record.id for record in last_attempts(records, lambda record: record.index)] == ["0-1", "1-2"]


def test_each_failed_process_has_its_reason() -> None:
    unsaid = msgspec.structs.replace(attempt(0, failure="killed"), failure=None)
    assert failures([attempt(0), attempt(1, failure="killed"), unsaid]) == ("killed", "no reason recorded")


def test_what_could_not_be_made_at_first_and_could_later_is_one_artifact() -> None:
    made = timed_artifact()
    unmade = msgspec.structs.replace(made, sha256="", form=None, weights=None)
    other = msgspec.structs.replace(unmade, name="another")
    records = [make_round(artifact=each, failure="no operator") for each in (unmade, other)]
    run_id = records[0].run_id
    assert [each.artifact for each in settled(records, [(run_id, made)])] == [made, other]
    assert [each.artifact for each in settled(records, [("another run", made)])] == [unmade, other]
    larger = timed_artifact(image_size=256)
    assert [each.artifact for each in settled(records, [(run_id, larger)])] == [unmade, other]
