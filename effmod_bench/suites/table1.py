"""Table 1: EfficientMod beside other efficient networks."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("1",), title="efficient networks", beside=CPU_AND_GPU)
