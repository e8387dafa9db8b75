"""Table 10: the networks of Table 1 on four GPUs."""

from effmod_bench.suites.suite import Suite
from results import Device
from results.statistics.reproduction import PaperLatency

SUITE = Suite(
    tables=("10",),
    title="networks on several GPUs",
    beside={
        Device.CUDA: tuple(
            PaperLatency(figure=f"{gpu.lower()}_ms", hardware=gpu) for gpu in ("A100", "V100", "T4", "P100")
        )
    },
)
