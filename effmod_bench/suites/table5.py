"""Table 5: what each part of the context modelling gives; the paper has no latencies of its variants."""

from effmod_bench.suites.suite import CPU_AND_GPU, Suite

SUITE = Suite(tables=("5",), title="context modelling without some of its parts", beside=CPU_AND_GPU)
