"""Records of measurements, what follows from them, and the paper's published numbers.

Importing this package imports neither numpy nor pandas.
"""

from results.comparison import Comparison, Estimate, Verdict, compare
from results.published import Published, published
from results.record import (
    ArtifactSource,
    BenchPlan,
    ComparisonPlan,
    ComparisonProcess,
    ComputeUnits,
    Conditions,
    Device,
    Environment,
    GpuState,
    GraphOptimization,
    HandEntry,
    InputTensor,
    Machine,
    Outcome,
    Record,
    Round,
    Runtime,
    RuntimeOptions,
    SessionFacts,
    TimedArtifact,
)
from results.stability import StabilityWarning
from results.store import Store, StoreError
from results.summary import Anchored, Latency, Measurement, load, read_measurements, summarise, summarise_durations

__all__ = [
    "Anchored",
    "ArtifactSource",
    "BenchPlan",
    "Comparison",
    "ComparisonPlan",
    "ComparisonProcess",
    "ComputeUnits",
    "Conditions",
    "Device",
    "Environment",
    "Estimate",
    "GpuState",
    "GraphOptimization",
    "HandEntry",
    "InputTensor",
    "Latency",
    "Machine",
    "Measurement",
    "Outcome",
    "Published",
    "Record",
    "Round",
    "Runtime",
    "RuntimeOptions",
    "SessionFacts",
    "StabilityWarning",
    "Store",
    "StoreError",
    "TimedArtifact",
    "Verdict",
    "compare",
    "load",
    "published",
    "read_measurements",
    "summarise",
    "summarise_durations",
]
