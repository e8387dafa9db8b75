"""Records of measurements, what follows from them, and the paper's published numbers.

Importing this package imports neither numpy nor pandas.
"""

from results.frame import load, read_measurements, samples
from results.published import Published, published
from results.records.accuracy import AccuracyOf, AccuracyRecord, StatedAccuracy
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
    ProfilePlan,
    Runtime,
    RuntimeOptions,
)
from results.records.profile import Joined, Profile, ProfiledOperator, Rate, Roof
from results.statistics.accuracy import Accuracy, AccuracySource
from results.statistics.comparison import Comparison, compare
from results.statistics.estimate import Estimate, Verdict
from results.statistics.gate import Gate, GateVerdict
from results.statistics.latency import Latency, summarise_durations
from results.statistics.stability import StabilityWarning
from results.statistics.summary import Anchored, Measurement, summarise
from results.store import Store

__all__ = [
    "RUNTIME_NAMES",
    "Accuracy",
    "AccuracyOf",
    "AccuracyRecord",
    "AccuracySource",
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
    "Joined",
    "Latency",
    "Machine",
    "Measurement",
    "Outcome",
    "Profile",
    "ProfilePlan",
    "ProfiledOperator",
    "Published",
    "Rate",
    "Record",
    "Remarks",
    "Roof",
    "Round",
    "Runtime",
    "RuntimeOptions",
    "SessionFacts",
    "StabilityWarning",
    "StatedAccuracy",
    "Store",
    "StoreError",
    "Subnormals",
    "TimedArtifact",
    "Verdict",
    "compare",
    "load",
    "published",
    "read_measurements",
    "samples",
    "summarise",
    "summarise_durations",
]
