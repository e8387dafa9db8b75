"""`effmod plot`: from stores to a picture."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.runs.stated import with_stated
from effmod_bench.runs.stores import by_name
from effmod_bench.screen.console import Console
from exporters import writing
from results import HandEntry, Measurement, Store, StoreError, summarise
from results.frame import Contents, is_one_of, read_contents
from results.plots import distribution, save, sweep, tradeoff
from results.plots.kinds import SWEEPS, Across, Kind
from results.plots.picture import check_ending
from results.plots.spots import spots_of
from results.plots.style import WIDTH_IN
from results.plots.sweeps import sweeps_of
from results.statistics.samples import samples_of
from results.store import no_measurements
from results.tables.accuracy import checkpoint_notes
from results.tables.visible import visible
from results.tables.words import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_FEW = 6  # of what is left out, so many are named


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn.

    Attributes:
        kind: None for what most of the measurements are of.
        across: what accuracy is set against; None for latency.
        patterns: of the networks that are drawn; none for all.
        top1: what the user states of accuracies, in percent, by name.
    """

    kind: Kind | None = None
    across: Across | None = None
    patterns: tuple[str, ...] = ()
    width_in: float = WIDTH_IN
    top1: Mapping[str, float] = MappingProxyType({})


def plot(console: Console, stores: Sequence[Path], request: Request, output: Path | None) -> None:
    """Draw a picture of one store or of several.

    Args:
        output: None for a file in this folder that is named by its kind.

    Raises:
        StoreError: a store cannot be read, or they hold nothing of this kind.
        TargetError: no network matches a pattern.
        PlotError: there is nothing to draw, or the file has no ending that can be drawn.
        OutputError: the file cannot be written.
    """
    if output is not None:
        check_ending(output)
    contents = {name: read_contents(Store(path, on_damaged=console.warn)) for name, path in by_name(stores).items()}
    if not any(map(_is_filled, contents.values())):
        raise no_measurements(stores[0])
    contents = _stated(contents, request.top1, say=console.note)
    if request.patterns:
        contents = _selected(contents, request.patterns, stores)
    measured = {name: summarise(each.rounds, accuracies=each.accuracies) for name, each in contents.items()}
    kind = request.kind or _usual_kind(contents, measured)
    if request.kind is None:
        console.note(f"Drawn as --kind {kind}")
    _say_stores_left_out(console, contents, kind)
    figure = _figure(console, contents, measured, msgspec.structs.replace(request, kind=kind))
    path = output or Path(f"{kind}.png")
    with writing(path):
        save(figure, path)
    console.print(str(path))


def _say_stores_left_out(console: Console, contents: dict[str, Contents], kind: Kind) -> None:
    for name, each in contents.items():
        if not _is_filled(each):
            console.note(f"Left out: the store {visible(name)}, which has nothing of what is drawn")
        elif kind is not Kind.DISTRIBUTION and each.pairs and not each.rounds:
            console.note(
                f"Left out: the store {visible(name)}, whose networks were only timed in turn with others; --kind "
                "distribution draws that"
            )


def _is_filled(contents: Contents) -> bool:
    return bool(contents.rounds or contents.pairs or contents.by_hand)


def _has_times(contents: dict[str, Contents]) -> bool:
    return any(each.rounds or each.pairs for each in contents.values())


def _by_hand(contents: dict[str, Contents]) -> list[HandEntry]:
    return [entry for each in contents.values() for entry in each.by_hand]


def _selected(contents: dict[str, Contents], patterns: Sequence[str], stores: Sequence[Path]) -> dict[str, Contents]:
    known = {name: None for each in contents.values() for name in _networks(each)}
    for pattern in patterns:
        if not any(is_one_of(name, [pattern]) for name in known):
            near = difflib.get_close_matches(pattern, known, 1)
            hint = f"did you mean {visible(near[0])!r}?" if near else f"there is {_listed(list(known))}"
            where = ", ".join(map(str, stores))
            raise TargetError(f"no network in {where} is called {visible(pattern)!r}, or matches that; {hint}")
    return {name: each.selected(patterns) for name, each in contents.items()}


def _stated(
    contents: dict[str, Contents], top1: Mapping[str, float], *, say: Callable[[str], None]
) -> dict[str, Contents]:
    """The same with what the user states of networks: of each store what it holds, and an error of what none does."""
    held = {name: {each for each in top1 if each in _networks(own)} for name, own in contents.items()}
    unknown = set(top1).difference(*held.values())
    return {
        name: with_stated(own, {each: top1[each] for each in top1 if each in held[name] | unknown}, say=say)
        for name, own in contents.items()
    }


def _networks(contents: Contents) -> list[str]:
    names = [r.artifact.name for r in contents.rounds] + [entry.name for entry in contents.by_hand]
    return names + [name for p in contents.pairs for name in (p.baseline.name, p.candidate.name)]


def _usual_kind(contents: dict[str, Contents], measured: dict[str, list[Measurement]]) -> Kind:
    """The sweep that more than half of the measurements are part of; else accuracy, where there is one; else times."""
    count = sum(map(len, measured.values()))
    for kind in SWEEPS:
        if 2 * sum(len(one.points) for one in sweeps_of(measured, kind).swept) > count:
            return kind
    is_placed = any(spot.accuracy is not None for spot in spots_of(measured, _by_hand(contents)).spots)
    return Kind.TRADEOFF if is_placed or not _has_times(contents) else Kind.DISTRIBUTION


def _figure(
    console: Console, contents: dict[str, Contents], measured: dict[str, list[Measurement]], request: Request
) -> "Figure":
    kind, across, by_hand = request.kind, request.across, _by_hand(contents)
    if kind is Kind.TRADEOFF:
        if by_hand and across is not None:
            console.note("Left out: figures entered by hand, of no device that effmod saw")
        figure = tradeoff(measured, by_hand, across=across, width_in=request.width_in)
        left_out = spots_of(measured, by_hand, across=across).left_out
        _say_left_out(console, "without an accuracy, or what it is set against", left_out)
        for note in checkpoint_notes([each for own in measured.values() for each in own]):
            console.note(note)
        return figure
    if not _has_times(contents):
        raise StoreError(
            f"there are only figures that were entered by hand, which have no runs for --kind {kind}; --kind tradeoff "
            "draws them"
        )
    if by_hand:
        console.note("Left out: figures entered by hand, of which there are no runs")
    if kind is Kind.DISTRIBUTION:
        return distribution(_samples(contents, request.patterns), width_in=request.width_in)
    assert kind is not None
    figure = sweep(measured, kind, width_in=request.width_in)
    _say_left_out(console, f"not timed at several {SWEEPS[kind].words}", sweeps_of(measured, kind).left_out)
    return figure


def _samples(contents: dict[str, Contents], patterns: Sequence[str]) -> "pd.DataFrame":
    """Every run; of two stores they are told apart."""
    import pandas as pd

    found = [samples_of(each.rounds, each.pairs).assign(store=name) for name, each in contents.items()]
    every = pd.concat(found, ignore_index=True)
    if len(contents) == 1:
        every = every.drop(columns="store")
    return every[[is_one_of(name, patterns) for name in every["name"]]] if patterns else every


def _say_left_out(console: Console, why: str, names: Sequence[str]) -> None:
    if names:
        console.note(f"Left out, {why}: {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(map(visible, names)))
    rest = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {counted(rest, 'other')}" if rest > 0 else "")
