"""The page's head: what it is of, and what comes out, in a few sentences."""

from collections.abc import Iterable, Iterator, Sequence

from results.plots.front import pareto_front
from results.plots.settings import settings_of
from results.records.environment import Environment
from results.records.profile import Profile
from results.report.rendering import render
from results.report.report import Measured, Report, ShownStore
from results.statistics.accuracy import Accuracy, AccuracySource
from results.statistics.timed import TimedPair, TimedRound
from results.tables.words import counted, milliseconds

_FEWEST = 3  # networks of one setting: of fewer there is not much to choose from
_MOST = 8  # settings: more are no summary


def section(report: Report) -> str | None:
    """What was measured, where, when and by which effmod; and the fastest networks, and those on the front."""
    settings = [line for store in report.stores for line in _of_store(store, is_alone=len(report.stores) == 1)]
    return render(
        "summary.html",
        stores=[(store.name, _counts(store)) for store in report.stores],
        machines=list(dict.fromkeys(_machine(each.environment) for each in _processes(report))),
        when=_when(report),
        versions=_versions(report),
        settings=settings[:_MOST],
        more=len(settings) - _MOST,
        has_hand_entries=any(store.contents.by_hand for store in report.stores),
        version=report.version,
        written_at=_minute(report.written_at),
    )


def _counts(store: ShownStore) -> str:
    networks = len({each.measurement.name for each in store.measured})
    runs = sum(each.measurement.latency.runs for each in store.measured if each.measurement.latency)
    failed = sum(len(each.measurement.failures) for each in store.measured)
    failed += sum(each.failure is not None for each in store.contents.profiles)
    by_hand = len(store.contents.by_hand)
    found = [
        (networks, f"{counted(networks, 'network')} in {counted(len(store.measured), 'measurement')}"),
        (runs, f"{runs:,} timed runs"),
        (len(store.compared), counted(len(store.compared), "comparison")),
        (len(store.profiles), counted(len(store.profiles), "profile")),
        (by_hand, f"{counted(by_hand, 'figure')} entered by hand"),
        (failed, f"{counted(failed, 'process', 'processes')} failed"),
    ]
    return ", ".join(words for count, words in found if count)


def _of_store(store: ShownStore, *, is_alone: bool) -> Iterable[tuple[str, list[str]]]:
    """What came out of each setting of a store: its words, and sentences."""
    measured = [each for each in store.measured if each.measurement.latency]
    settings = settings_of({store.name: [each.measurement for each in measured]})
    groups: dict[str, list[Measured]] = {}
    for each, words in zip(measured, settings.own, strict=True):
        groups.setdefault(words, []).append(each)
    for words, group in groups.items():
        if len(group) >= _FEWEST:
            yield (
                ", ".join(filter(None, (None if is_alone else store.name, words or settings.shared))),
                _sentences(group),
            )


def _sentences(group: Sequence[Measured]) -> list[str]:
    by_time = sorted(group, key=_p50_ms)
    sized = len({each.measurement.artifact.image_size for each in group}) > 1
    fastest, slowest = (_speed(each, sized=sized) for each in (by_time[0], by_time[-1]))
    found = [f"Fastest of {len(group)}: {fastest} (median); slowest: {slowest}."]
    comparable: dict[str | None, list[tuple[Measured, Accuracy]]] = {}
    for each in group:
        if accuracy := each.measurement.accuracy:
            comparable.setdefault(accuracy.over, []).append((each, accuracy))
    found += [_front(over, known) for over, known in comparable.items() if len(known) >= _FEWEST]
    return found


def _front(over: str | None, known: Sequence[tuple[Measured, Accuracy]]) -> str:
    front = pareto_front([(_p50_ms(each), accuracy.top1) for each, accuracy in known])
    names = ", ".join(f"{known[i][0].label} ({_top1(known[i][1])})" for i in front)
    of_which = f" over {over}" if over else ""
    return f"None is both faster and more accurate{of_which} than these: {names}."


def _top1(accuracy: Accuracy) -> str:
    """Such as "80.0 %, measured here"; what is published says nothing, as the line below all sentences has it."""
    source = None if accuracy.source is AccuracySource.PUBLISHED else str(accuracy.source)
    return ", ".join(filter(None, (f"{accuracy.top1:.1f} %", source)))


def _speed(measured: Measured, *, sized: bool) -> str:
    side = measured.measurement.artifact.image_size
    size = f" at {side} px" if sized and side else ""
    return f"{measured.label}{size}, {milliseconds(_p50_ms(measured))} ms"


def _p50_ms(measured: Measured) -> float:
    assert measured.measurement.latency
    return measured.measurement.latency.p50_ms


def _machine(environment: Environment) -> str:
    machine, gpu = environment.machine, environment.gpu_before
    cores = counted(machine.available_cores, "core")
    name = gpu.name if gpu else None
    words = ", ".join(filter(None, (name, machine.cpu_model, f"{cores} for effmod", machine.os)))
    return f"{environment.place}: {words}" if environment.place else words


def _when(report: Report) -> str | None:
    starts = sorted(_minute(each.started_at) for each in _processes(report))
    if not starts:
        return None
    return starts[0] if starts[0] == starts[-1] else f"{starts[0]} to {starts[-1]}"


def _processes(report: Report) -> Iterator[TimedRound | TimedPair | Profile]:
    """All that was measured."""
    for store in report.stores:
        yield from store.contents.rounds
        yield from store.contents.pairs
        yield from store.contents.profiles


def _minute(moment: str) -> str:
    """Such as "2026-11-28 18:19 UTC"."""
    return f"{moment[:16].replace('T', ' ')} UTC"


def _versions(report: Report) -> str:
    """Of the effmods that measured."""
    machines = [each.environment.machine for each in _processes(report)]
    found = {
        machine.versions["effmod-bench"] + (f" ({machine.effmod_commit})" if machine.effmod_commit else "")
        for machine in machines
        if "effmod-bench" in machine.versions
    }
    return ", ".join(sorted(found))
