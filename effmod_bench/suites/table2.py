"""Table 2: designs of convolutional networks."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("2",), title="convolutional designs beside EfficientMod-s", beside=CPU_AND_GPU)
