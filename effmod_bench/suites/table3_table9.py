"""Tables 3 and 9: networks trained with and without distillation; latency does not depend on that."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("3", "9"), title="networks that are distilled", beside=CPU_AND_GPU)
