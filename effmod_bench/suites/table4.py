"""Table 4: designs of modulation."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("4",), title="modulation designs", beside=CPU_AND_GPU)
