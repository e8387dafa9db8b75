import msgspec

from results.statistics.profile import summarise_profiles
from results.statistics.profile_trace import trace_of
from tests.fakes import make_profile


def test_a_trace_has_every_operator_after_the_other_and_modules_over_them() -> None:
    records = [make_profile([[10], [20], [30]], modules=["a.b", "a.c", "d"], index=index) for index in range(2)]
    (profiled,) = summarise_profiles(records)
    assert profiled is not None
    events = trace_of(profiled).traceEvents
    operators = [(event.ts, event.dur) for event in events if event.ph == "X" and event.cat == "Conv"]
    assert operators == [(0, 10), (10, 20), (30, 30)]
    modules = {event.name: (event.ts, event.dur) for event in events if event.cat == "module"}
    assert modules == {"a.b": (0, 10), "a.c": (10, 20), "a": (0, 30), "d": (30, 30)}
    rows = {event.args["name"] for event in events if event.ph == "M"}
    assert {"modules", "operators"} <= rows


def test_a_trace_is_in_chromes_format() -> None:
    (profiled,) = summarise_profiles([make_profile([[10]], modules=["a"])])
    assert profiled is not None
    content = msgspec.to_builtins(trace_of(profiled))
    assert content["displayTimeUnit"] == "ms"
    assert all({"name", "ph", "ts", "dur", "pid", "tid"} <= event.keys() for event in content["traceEvents"])
