"""Appendix L: variants of EfficientMod-s without attention."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("L",), title="variants of EfficientMod-s (Conv)", beside=CPU_AND_GPU)
