"""The page: its sections in their order, in one file that asks for nothing else."""

import base64
import functools
import gzip
import hashlib
import importlib.resources
from collections.abc import Callable
from pathlib import Path

import msgspec

from results.report.rendering import render
from results.report.report import Report
from results.report.sections import (
    by_hand,
    comparisons,
    measurements,
    networks,
    profiles,
    stores,
    suites,
    summary,
    tradeoff,
    warnings,
)
from results.report.words import shortened
from results.whole import whole

_TITLED = 3  # stores that the title names


class Section(msgspec.Struct, frozen=True):
    """A part of the page.

    Attributes:
        key: what links lead to.
        make: its HTML; None where there is nothing to show.
    """

    key: str
    title: str
    make: Callable[[Report], str | None]


SECTIONS = (
    Section("summary", "In short", summary.section),
    Section("tradeoff", "Latency against accuracy", tradeoff.section),
    Section("measurements", "Measurements", measurements.section),
    Section("warnings", "What makes figures doubtful", warnings.section),
    Section("comparisons", "Timed in turn", comparisons.section),
    Section("stores", "Stores beside each other", stores.section),
    Section("suites", "Tables of the paper, measured again", suites.section),
    Section("by-hand", "Entered by hand", by_hand.section),
    Section("profiles", "Where the time goes", profiles.section),
    Section("networks", "Network by network", networks.section),
)
"""Another kind of record has a section of its own: a file in `sections`, and its row here."""


class _Shown(msgspec.Struct, frozen=True):
    key: str
    title: str
    html: str


def page(report: Report) -> str:
    """The page as HTML. Its own scripts run, by their hashes, and nothing else does; it loads nothing."""
    shown = [
        _Shown(section.key, section.title, html) for section in SECTIONS if (html := section.make(report)) is not None
    ]
    files = importlib.resources.files("results.report").joinpath("templates")
    script = files.joinpath("page.js").read_text(encoding="utf-8")
    plotly_hash, plotly = _plotly()
    return render(
        "page.html",
        licence=files.joinpath("plotly-licence.txt").read_text(encoding="utf-8"),
        title=f"Latencies: {shortened([store.name for store in report.stores], _TITLED)}",
        sections=shown,
        style=files.joinpath("page.css").read_text(encoding="utf-8"),
        script=script,
        script_hashes=[_csp_hash(script), plotly_hash],
        plotly=plotly,
        version=report.version,
    )


def save(html: str, path: Path) -> int:
    """Write a page, whole or not at all; returns its size in bytes.

    Raises:
        OSError: the file cannot be written; one that was there before is still what it was.
    """
    content = html.encode()
    with whole(path) as partial:
        partial.write_bytes(content)
    return len(content)


@functools.cache
def _plotly() -> tuple[str, str]:
    """The hash of the script that draws, and itself, compressed: it has 4.8 MB, and the browser opens it."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return _csp_hash(script), base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def _csp_hash(script: str) -> str:
    """How a page's policy names a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
