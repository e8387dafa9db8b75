"""Every run against time, and beside it a histogram: whether a machine has two speeds is seen at once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from results.colours import BLACK, VERMILLION
from results.plots.families import is_efficientmod
from results.plots.legend import add_title
from results.plots.picture import PlotError
from results.plots.style import WIDTH_IN, Look, Page, fit, is_wide, looks
from results.records.plan import RUNTIME_NAMES, Runtime
from results.records.words import short_hash
from results.statistics.samples import ALONE
from results.tables.visible import visible
from results.tables.words import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 12  # panels in a picture
_BINS = 80
_FEW = 1000  # as few runs have larger dots
_MOST_DOTS = 40_000  # of a panel; the histogram and the medians are of all
_RARE = 0.02  # so many runs may lie above the picture, or rare spikes would press all others flat
_BETWEEN = 0.02  # of all, between two runs of effmod

# What tells panels apart, and how it is said; the first alone is said always.
_FACTS: dict[str, Callable[[Any], str]] = {
    "name": str,
    "store": str,
    "processor": str,
    "place": "on {}".format,
    "cores": "cores {}".format,
    "device": str,
    "runtime": lambda word: RUNTIME_NAMES[Runtime(word)],
    "mode": str,
    "threads": lambda count: counted(int(count), "thread"),
    "batch_size": "batch {}".format,
    "image_size": "{} px".format,
    "form": "{} form".format,
    "format": str,
    "role": str,
    "beside": "in turn with {}".format,
    "warmup_runs": "{} warm-up runs".format,
    "version": str,
    "fed": "fed {}".format,
    "sha256": short_hash,
}
_LAST = ("role", "warmup_runs", "version", "fed", "sha256")
_UNSAID = ("name", "device", "format", "beside", "store", "cores", *_LAST)  # where all have it in common


class _Panel(msgspec.Struct, frozen=True):
    """The runs of one artifact under one setting; `samples` has a column `minute` more."""

    label: str
    look: Look
    samples: "pd.DataFrame"


def distribution(samples: "pd.DataFrame", *, width_in: float = WIDTH_IN) -> "Figure":
    """Every run against the time at which it ran, a panel a network, and a histogram of it beside.

    Lines are the medians of rounds. One run in fifty may lie above the panel, which says so.

    Args:
        samples: as `results.samples` gives them, or some of their rows; a column `store`, where there is one, tells
            rows apart, too.
        width_in: of the picture, in inches; its fonts and layout follow.

    Raises:
        PlotError: there are no samples, or of more networks than a picture holds.
    """
    if samples.empty:
        raise PlotError("there are no runs to draw")
    page = Page(width_in)
    panels, shared = _panels(_with_minutes(samples))
    height_in = len(panels) * (1.15 if page.is_narrow else 1.5) + 0.6
    with page.figure(height_in) as figure:
        grid = figure.subplots(
            len(panels), 2, sharex="col", squeeze=False, gridspec_kw={"width_ratios": (4, 1), "wspace": 0.02}
        )
        for (runs, histogram), panel in zip(grid, panels, strict=True):
            _draw(runs, histogram, panel, page)
        runs.set_xlabel(_time_axis(samples))
        histogram.set_xlabel("runs")
        figure.supylabel("one inference, ms", fontsize=page.font)
        add_title(figure, shared, page)
    return figure


def _with_minutes(samples: "pd.DataFrame") -> "pd.DataFrame":
    """When each ran, in minutes; the time between two runs of effmod, which may be days, is left out."""
    import numpy as np
    import pandas as pd

    at = (samples["started_at"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy() + samples["at_s"].to_numpy()
    codes, runs = pd.factorize(samples["run_id"].astype(object))
    begin, end = np.full(len(runs), np.inf), np.full(len(runs), -np.inf)
    np.minimum.at(begin, codes, at)
    np.maximum.at(end, codes, at)
    order = np.argsort(begin, kind="stable")
    lasted = (end - begin)[order]
    shift = np.empty(len(runs))
    shift[order] = np.concatenate([[0.0], np.cumsum(lasted + _BETWEEN * lasted.sum())[:-1]])
    return samples.assign(minute=(at - begin[codes] + shift[codes]) / 60)


def _time_axis(samples: "pd.DataFrame") -> str:
    several = samples["run_id"].nunique() > 1
    return "minutes of measuring" + (", one run of effmod after the other" if several else "")


def _panels(samples: "pd.DataFrame") -> tuple[list[_Panel], str]:
    """The panels, and what holds for all of them."""
    facts = [fact for fact in _FACTS if fact in samples]
    groups = dict(iter(samples.groupby(facts, observed=True, dropna=False, sort=False)))
    if len(groups) > _MOST:
        raise PlotError(
            f"{len(groups)} networks and settings are more than the {_MOST} that a picture of their runs holds; choose "
            "some with --select"
        )
    names = list(dict.fromkeys(key[0] for key in groups))
    sized = [facts.index(fact) for fact in ("image_size", "batch_size", "threads")]
    keys = sorted(groups, key=lambda key: (names.index(key[0]), *(_number(key[i]) for i in sized)))
    said = [_in_words(dict(zip(facts, key, strict=True))) for key in keys]
    shared = [words for fact, words in said[0].items() if fact not in _UNSAID and not _differs(fact, said)]
    colours = dict(zip(names, _looks(names), strict=True))
    panels = [
        _Panel(visible(label), colours[key[0]], groups[key]) for key, label in zip(keys, _labels(said), strict=True)
    ]
    return panels, visible(", ".join(filter(None, shared)))


def _labels(said: Sequence[dict[str, str]]) -> list[str]:
    """What tells each from the others; which of two it was, a hash and the like only where nothing else does."""
    facts = [fact for fact in said[0] if fact == "name" or (fact not in _LAST and _differs(fact, said))]
    for more in (*(fact for fact in _LAST if fact in said[0] and _differs(fact, said)), ""):
        labels = [", ".join(filter(None, (words[fact] for fact in facts))) for words in said]
        if len(set(labels)) == len(labels):
            break
        facts.append(more)
    return labels


def _differs(fact: str, said: Sequence[dict[str, str]]) -> bool:
    return len({words[fact] for words in said}) > 1


def _number(value: Any) -> int:
    import pandas as pd

    return 0 if pd.isna(value) else int(value)


def _in_words(facts: dict[str, Any]) -> dict[str, str]:
    import pandas as pd

    words = {fact: "" if pd.isna(value) else _FACTS[fact](value) for fact, value in facts.items()}
    return words | ({"role": ""} if words.get("role") == ALONE else {})


def _looks(names: Sequence[str]) -> list[Look]:
    plain = iter(looks(len(names)))
    return [Look(VERMILLION, "") if is_efficientmod(name) else next(plain) for name in names]


def _draw(runs: "Axes", histogram: "Axes", panel: _Panel, page: Page) -> None:
    import numpy as np

    ms = panel.samples["duration_ns"].to_numpy() / 1e6
    low, high = _limits(ms)
    dots = slice(None, None, -(-len(ms) // _MOST_DOTS))
    runs.plot(
        panel.samples["minute"].to_numpy()[dots],
        ms[dots],
        linestyle="none",
        marker=".",
        markersize=3.0 if len(ms) < _FEW else 1.2 if page.is_narrow else 1.6,
        markeredgewidth=0,
        color=panel.look.colour,
        alpha=0.45,
        rasterized=True,  # of tens of thousands of points no file of shapes would open again
    )
    by_process = panel.samples.groupby(["run_id", "round", "beside"], observed=True, dropna=False)
    medians = by_process.agg(ns=("duration_ns", "median"), begin=("minute", "min"), end=("minute", "max"))
    runs.hlines(medians["ns"] / 1e6, medians["begin"], medians["end"], color=BLACK, linewidth=1.0)
    edges = np.geomspace(low, high, _BINS + 1) if is_wide(low, high) else np.linspace(low, high, _BINS + 1)
    histogram.hist(ms, bins=edges.tolist(), orientation="horizontal", color=panel.look.colour)
    for axes in (runs, histogram):
        fit(axes.yaxis, (low, high), narrow=True, least=0.0)
        axes.grid(visible=True)
    histogram.tick_params(labelleft=False)
    histogram.xaxis.set_ticks([])
    above = int((ms > high).sum())
    reach = "" if page.is_narrow else f", up to {ms.max():.3g} ms"
    said = [f"one dot for {dots.step} runs"] if dots.step > 1 else []
    said += [f"{above} of {len(ms)} runs above{reach}"] if above else []
    rest = f"  ({', '.join(said)})" if said else ""
    runs.set_title(panel.label + rest, fontsize=page.small, color=panel.look.ink, loc="left", pad=2, parse_math=False)


def _limits(ms: Any) -> tuple[float, float]:
    """Where the panel ends: at the outermost run, but for the slowest, if they lie far out."""
    import numpy as np

    low, most = float(ms.min()), float(ms.max())
    usual = most if len(ms) * _RARE < 1 else float(np.quantile(ms, 1 - _RARE, method="lower"))
    high = usual + 0.5 * (usual - low)
    # A clock that ticks slowly may give all the same time.
    return low, max(most if most <= high else high, 1.02 * low)
