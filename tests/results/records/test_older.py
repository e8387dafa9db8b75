from pathlib import Path

import msgspec
import pytest

from results import Outcome
from results.records.file import read_record
from results.records.measured import Round
from results.records.older import with_threads

FIRST = Path(__file__).parent.parent / "round-version-1-without-threads.json"


def test_the_first_record_of_all_tells_its_threads_by_its_session() -> None:
    assert b'"threads":2' not in FIRST.read_bytes()
    record = read_record(FIRST, [Round])
    assert record is not None
    assert record.environment.threads == 2
    assert record.environment.session is not None
    assert record.environment.session.intra_op_num_threads == 2
    assert record.durations_ns == (5500259, 5118235, 4974119, 6477927, 5077294)


@pytest.mark.parametrize("asked", [4, None])
def test_one_that_failed_before_it_had_a_session_tells_what_was_asked(asked: int | None, tmp_path: Path) -> None:
    failed = msgspec.json.decode(FIRST.read_bytes())
    failed |= {"outcome": "failed", "failure": "killed", "durations_ns": []}
    failed["environment"]["session"] = None
    failed["plan"]["threads"] = asked
    path = tmp_path / "failed.json"
    path.write_bytes(msgspec.json.encode(failed))
    record = read_record(path, [Round])
    assert record is not None
    assert record.outcome is Outcome.FAILED
    assert record.environment.threads == asked


def test_what_has_its_threads_is_left_as_it_is() -> None:
    later = (FIRST.parent / "round-version-1.json").read_bytes()
    assert with_threads(later) == later
