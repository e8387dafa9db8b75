"""Records of measurements, what follows from them, and the paper's published numbers.

Importing this package imports neither numpy nor pandas.
"""

from results.frame import load, read_measurements
from results.published import Published, published
from results.records.artifact import ArtifactSource, Fed, InputTensor, Remarks, Subnormals, TimedArtifact
from results.records.base import Record
from results.records.by_hand import HandEntry
from results.records.environment import Conditions, Environment, GpuState, Machine, SessionFacts
from results.records.file import StoreError
from results.records.measured import ComparisonProcess, Outcome, Round
from results.records.plan import (
    RUNTIME_NAMES,
    BenchPlan,
    ComparisonPlan,
    ComputeUnits,
    Device,
    GraphOptimization,
    Runtime,
    RuntimeOptions,
)
from results.statistics.comparison import Comparison, compare
from results.statistics.estimate import Estimate, Verdict
from results.statistics.gate import Gate, GateVerdict
from results.statistics.latency import Latency, summarise_durations
from results.statistics.stability import StabilityWarning
from results.statistics.summary import Anchored, Measurement, summarise
from results.store import Store

__all__ = [
    "RUNTIME_NAMES",
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
    "Fed",
    "Gate",
    "GateVerdict",
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
    "Remarks",
    "Round",
    "Runtime",
    "RuntimeOptions",
    "SessionFacts",
    "StabilityWarning",
    "Store",
    "StoreError",
    "Subnormals",
    "TimedArtifact",
    "Verdict",
    "compare",
    "load",
    "published",
    "read_measurements",
    "summarise",
    "summarise_durations",
]
