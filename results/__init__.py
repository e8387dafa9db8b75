"""Records of measurements, what follows from them, and the paper's published numbers.

Importing this package imports neither numpy nor pandas.
"""

from results.published import Published, published
from results.record import (
    ArtifactSource,
    BenchPlan,
    ComputeUnits,
    Device,
    Environment,
    GpuState,
    InputTensor,
    Machine,
    Outcome,
    Round,
    Runtime,
    RuntimeOptions,
    SessionFacts,
    TimedArtifact,
)
from results.stability import StabilityWarning
from results.store import Store, StoreError
from results.summary import Latency, Measurement, load, summarise, summarise_durations

__all__ = [
    "ArtifactSource",
    "BenchPlan",
    "ComputeUnits",
    "Device",
    "Environment",
    "GpuState",
    "InputTensor",
    "Latency",
    "Machine",
    "Measurement",
    "Outcome",
    "Published",
    "Round",
    "Runtime",
    "RuntimeOptions",
    "SessionFacts",
    "StabilityWarning",
    "Store",
    "StoreError",
    "TimedArtifact",
    "load",
    "published",
    "summarise",
    "summarise_durations",
]
