"""The table of two files that were tried on the same images."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from exporters import Accuracy
from exporters.proof.chance import Paired
from results.tables.table import Cell, Column, Table
from results.tables.words import digits

# How rarely chance may make a difference that is called one.
LEVEL = 0.05


class PairedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two; `paired`, how it differs from the other, stands with the first alone."""

    name: str
    accuracy: Accuracy
    paired: Paired | None

    @property
    def verdict(self) -> str | None:
        """What may be said of the difference."""
        if self.paired is None:
            return None
        if self.paired.p_value > LEVEL:
            return "no difference known"
        return "right more often" if self.paired.difference > 0 else "right less often"


def _accuracy(key: str, header: str, get: Callable[[Accuracy], Cell], **rules: Any) -> Column[PairedFile]:
    return Column(key=key, header=header, get=lambda row: get(row.accuracy), **rules)


def _paired(key: str, header: str, get: Callable[[Paired], Cell], **rules: Any) -> Column[PairedFile]:
    return Column(key=key, header=header, get=lambda row: get(row.paired) if row.paired else None, **rules)


_COLUMNS: tuple[Column[PairedFile], ...] = (
    Column(key="name", header="file", get=lambda row: row.name),
    _accuracy("precision", "evaluated\nin", lambda a: str(a.precision), spare=3),
    _accuracy("images", "images", lambda a: a.images, spare=2),
    _accuracy("images_skipped", "skipped", lambda a: a.skipped or None, spare=1),
    _accuracy("top1", "top-1\n%", lambda a: a.top1, show=digits(2)),
    _accuracy("top1_low", "95 %\nfrom", lambda a: a.top1_interval[0], show=digits(2), spare=4),
    _accuracy("top1_high", "\nto", lambda a: a.top1_interval[1], show=digits(2), spare=4),
    _accuracy("top5", "top-5\n%", lambda a: a.top5, show=digits(2), spare=5),
    _paired("difference", "top-1 less\nthe other's ¹", lambda p: p.difference, show="{:+.2f}".format),
    _paired("difference_low", "95 %\nfrom", lambda p: p.interval[0], show="{:+.2f}".format),
    _paired("difference_high", "\nto", lambda p: p.interval[1], show="{:+.2f}".format),
    _paired("only_this", "only this\nis right", lambda p: p.only_first, spare=1),
    _paired("only_other", "only the\nother is", lambda p: p.only_second, spare=1),
    _paired("p_value", "p ²", lambda p: p.p_value, show="{:.2g}".format),
    _paired("same", "same\nclass %", lambda p: 100 * p.same / p.images, show=digits(2), spare=2),
    Column(key="verdict", header="verdict", get=lambda row: row.verdict),
)


def paired_table(rows: Sequence[PairedFile]) -> Table[PairedFile]:
    """Two files that were tried on the same images, the first beside the second; or its columns, without rows."""
    notes = [
        "¹ in percentage points, with its 95 % interval (Tango 1998); that of each top-1 is Wilson's (1927).",
        f"² of McNemar's exact test, whether chance alone may do it: above {LEVEL:g} no difference is known.",
        "same class: images that both take for the same, be it right or wrong.",
    ]
    title = None
    if rows:
        data = rows[0].accuracy.data
        title = f"{rows[0].name} against {rows[1].name}, on {data.name}"
        notes.append(f"images: {data.classes} classes, sha256 {data.sha256[:12]} over names and sizes.")
    return Table(rows=tuple(rows), columns=_COLUMNS, title=title, notes=tuple(notes), name="paired")
