"""What a reader of a latency should know of the artifact: marks behind names, explained under the table."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from results.records.artifact import Remarks
from results.records.plan import Device, Runtime
from results.statistics.comparison import Comparison
from results.statistics.summary import Measurement
from results.tables.table import Column


class Remarked(msgspec.Struct, frozen=True):
    """An artifact that ran, and what there is to be said of it."""

    name: str
    remarks: Remarks
    device: Device
    runtime: Runtime

    @property
    def marks(self) -> str:
        """What stands behind its name."""
        marks = ("⁷" if self.is_unaligned else "", "⁸" if self.remarks.elsewhere else "")
        return "".join(f" {mark}" for mark in marks if mark)

    @property
    def is_unaligned(self) -> bool:
        """Whether it has channels that the runtime's layout leaves out, and ran where that matters."""
        runs_there = self.device is Device.CPU and self.runtime is Runtime.ONNXRUNTIME
        return runs_there and bool(self.remarks.unaligned_channels)


def of_measurement(row: Measurement) -> Remarked:
    return Remarked(row.name, row.remarks, row.device, row.options.runtime)


def of_candidate(row: Comparison) -> Remarked:
    return Remarked(row.candidate.name, row.candidate_remarks, row.plan.device, row.options.runtime)


def of_baseline(row: Comparison) -> Remarked:
    return Remarked(row.baseline.name, row.baseline_remarks, row.plan.device, row.plan.options.runtime)


def remark_columns(
    of: Callable[[Any], Remarked], *, prefix: str = "", words: str = ""
) -> tuple[Column[Any], Column[Any]]:
    """The same for programs.

    Args:
        prefix, words: of the keys and of the headers, where a row has several artifacts.
    """
    return (
        Column(
            key=f"{prefix}unaligned_channels",
            header=f"{words}unaligned\nchannels",
            get=lambda row: " ".join(map(str, of(row).remarks.unaligned_channels)) or None,
            detail=True,
        ),
        Column(
            key=f"{prefix}elsewhere",
            header=f"{words}remark",
            get=lambda row: of(row).remarks.elsewhere or None,
            detail=True,
        ),
    )


def remark_notes(rows: Iterable[Remarked]) -> Iterator[str]:
    """What stands under a table of those that bear a mark."""
    artifacts = list(rows)
    unaligned = dict.fromkeys(
        f"{each.name} ({', '.join(map(str, each.remarks.unaligned_channels))})"
        for each in artifacts
        if each.is_unaligned
    )
    if unaligned:
        yield (
            "⁷ has convolutions of channels that are no multiple of 4, which ONNX Runtime leaves out of its blocked "
            f"layout on an x86 CPU, and runs slower: {', '.join(unaligned)}."
        )
    for words in dict.fromkeys(each.remarks.elsewhere for each in artifacts if each.remarks.elsewhere):
        yield f"⁸ {words}."
