"""Table 12: networks as Core ML packages, on a phone."""

from effmod_bench.suites.suite import Suite
from results import Device
from results.statistics.reproduction import PaperLatency

SUITE = Suite(
    tables=("12",),
    title="networks on a phone",
    beside={Device.COREML: (PaperLatency(figure="iphone13_ms", hardware="iPhone 13"),)},
)
