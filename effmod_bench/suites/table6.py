"""Table 6: MBConv blocks in the place of EfficientMod blocks."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("6",), title="EfficientMod blocks and MBConv blocks", beside=CPU_AND_GPU)
