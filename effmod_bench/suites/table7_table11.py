"""Tables 7 and 11: backbones of detectors and segmenters. Those were timed with PyTorch; here are the backbones."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("7", "11"), title="backbones, alone", beside=CPU_AND_GPU)
