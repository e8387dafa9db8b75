"""The record of a figure that a person entered."""

import math

from results.records.artifact import TimedArtifact
from results.records.base import Count, Record
from results.records.plan import ComputeUnits


class HandEntry(Record, frozen=True, kw_only=True, tag="hand-entry"):
    """A latency that another tool measured, on another device, and a person entered. It has no samples.

    Attributes:
        started_at: when it was entered.
        name: the network's name in the zoo, or the file's name.
        artifact: the file that was timed; None where only its network was named.
        device_name, os, tool: each with its version, as the person gives them.
        compute_units: of Core ML; None where the person does not say, and elsewhere.
        mean_ms, p50_ms: of one inference; at least one of the two.
        runs: inferences behind the figure; None where the tool does not tell.

    Raises:
        ValueError: a text is empty, or a number is out of range or missing.
    """

    name: str
    artifact: TimedArtifact | None
    device_name: str
    os: str
    compute_units: ComputeUnits | None = None
    tool: str
    mean_ms: float | None = None
    p50_ms: float | None = None
    runs: Count | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("device_name", "os", "tool"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} is empty")
        if self.mean_ms is None and self.p50_ms is None:
            raise ValueError("neither mean_ms nor p50_ms is given")
        for name in ("mean_ms", "p50_ms", "runs"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is more than 0, not {value}")
