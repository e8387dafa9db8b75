"""What a reader of a latency should know of the artifact: marks behind names, explained under the table."""

from collections.abc import Iterator, Sequence

from results.records.plan import Device, Runtime
from results.statistics.summary import Measurement
from results.tables.table import Column


def remark_marks(measurement: Measurement) -> str:
    """What stands behind a network's name."""
    marks = ("⁷" if _unaligned(measurement) else "", "⁸" if measurement.remarks.elsewhere else "")
    return "".join(f" {mark}" for mark in marks if mark)


def remark_columns() -> tuple[Column[Measurement], ...]:
    """The same for programs."""
    return (
        Column(
            key="unaligned_channels",
            header="unaligned\nchannels",
            get=lambda row: " ".join(map(str, row.remarks.unaligned_channels)) or None,
            detail=True,
        ),
        Column(key="elsewhere", header="remark", get=lambda row: row.remarks.elsewhere or None, detail=True),
    )


def remark_notes(measurements: Sequence[Measurement]) -> Iterator[str]:
    """What stands under a table of those that bear a mark."""
    unaligned = dict.fromkeys(
        f"{m.name} ({', '.join(map(str, m.remarks.unaligned_channels))})" for m in measurements if _unaligned(m)
    )
    if unaligned:
        yield (
            "⁷ has convolutions of channels that are no multiple of 4, which ONNX Runtime leaves out of its blocked "
            f"layout on an x86 CPU, and runs slower: {', '.join(unaligned)}."
        )
    for words in dict.fromkeys(m.remarks.elsewhere for m in measurements if m.remarks.elsewhere):
        yield f"⁸ {words}."


def _unaligned(measurement: Measurement) -> bool:
    """Whether it has such convolutions, and ran where that matters."""
    runs_there = measurement.device is Device.CPU and measurement.options.runtime is Runtime.ONNXRUNTIME
    return runs_there and bool(measurement.remarks.unaligned_channels)
