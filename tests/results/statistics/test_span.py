import msgspec
import pytest

from results import Conditions
from results.statistics.span import span_s
from tests.fakes import make_comparison_process


def test_a_span_goes_from_the_first_start_to_the_last_end() -> None:
    records = [make_comparison_process(index=index) for index in (0, 30, 7)]
    assert span_s(records) == pytest.approx(30)  # of which none says how long it took
    environment = msgspec.structs.replace(records[1].environment, conditions=Conditions(elapsed_s=2.5))
    records[1] = msgspec.structs.replace(records[1], environment=environment)
    assert span_s(records) == pytest.approx(32.5)


def test_without_a_time_there_is_no_span() -> None:
    assert span_s([]) is None
    assert span_s([msgspec.structs.replace(make_comparison_process(), started_at="yesterday")]) is None
