from collections.abc import Iterator

import msgspec

from results import Joined
from results.statistics.profile import summarise_profiles
from results.statistics.profile_trace import Trace, trace_of
from tests.fakes import make_profile

_OF_MODULES = "module"


def _slices(trace: Trace) -> Iterator[tuple[str, str, int, int]]:
    """What Perfetto shows: rows, names and where each begins and ends, in the nanoseconds that it cuts moments to.

    It takes events in the order of these, and those of one moment in that of the file; what ends closes what has begun
    last in its row.
    """
    open_: dict[int, list[tuple[str, str, int]]] = {}
    events = (event for event in trace.traceEvents if event.ph != "M")
    for event in sorted(events, key=lambda event: int(event.ts * 1000)):
        row = open_.setdefault(event.tid, [])
        if event.ph == "B":
            row.append((event.cat, event.name, int(event.ts * 1000)))
            continue
        assert event.ph == "E"
        cat, name, began = row.pop()
        assert name == event.name, "something ends that did not begin last"
        yield cat, name, began, int(event.ts * 1000)
    assert not any(open_.values()), "something begins and does not end"


def test_a_trace_has_every_operator_after_the_other_and_modules_over_them() -> None:
    joined = [Joined.VALUE, Joined.NEIGHBOURS, None]
    records = [
        make_profile([[10], [20], [30]], modules=["a.b", "a.c", "d"], index=index, joined=joined) for index in range(2)
    ]
    (profiled,) = summarise_profiles(records)
    assert profiled is not None
    trace = trace_of(profiled)
    slices = list(_slices(trace))
    operators = [(began, end) for cat, _, began, end in slices if cat == "Conv"]
    assert operators == [(0, 10_000), (10_000, 30_000), (30_000, 60_000)]
    modules = {name: (began, end) for cat, name, began, end in slices if cat == _OF_MODULES}
    assert modules == {"a.b": (0, 10_000), "a.c": (10_000, 30_000), "a": (0, 30_000), "d": (30_000, 60_000)}
    told = [event.args["joined"] for event in trace.traceEvents if event.ph == "B" and event.cat == "Conv"]
    assert told == ["value", "neighbours", ""]  # so that a guess is told from what is known
    rows = {event.args["name"] for event in trace.traceEvents if event.ph == "M"}
    assert {"modules", "operators"} <= rows


def test_no_module_is_lost_where_moments_are_cut_to_nanoseconds() -> None:
    count = 60
    runs = [[7 + (i * j) % 5 for j in range(7)] for i in range(count)]  # means of sevenths
    modules = [f"stage.{i // 20}.block.{i // 5}.part.{i}" for i in range(count)]
    (profiled,) = summarise_profiles([make_profile(runs, modules=modules)])
    assert profiled is not None
    slices = list(_slices(trace_of(profiled)))
    shown = {name: (began, end) for cat, name, began, end in slices if cat == _OF_MODULES}
    paths = {".".join(module.split(".")[: i + 1]) for module in modules for i in range(6)}
    assert shown.keys() == paths
    for name, (began, end) in shown.items():
        around = name.rpartition(".")[0]
        assert not around or shown[around][0] <= began < end <= shown[around][1]


def test_a_trace_is_in_chromes_format() -> None:
    (profiled,) = summarise_profiles([make_profile([[10]], modules=["a"])])
    assert profiled is not None
    content = msgspec.to_builtins(trace_of(profiled))
    assert content["displayTimeUnit"] == "ms"
    assert all({"name", "ph", "ts", "pid", "tid"} <= event.keys() for event in content["traceEvents"])
