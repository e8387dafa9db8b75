"""How many threads run an inference, and on which cores."""

import math
import os
import random
from itertools import zip_longest

from effmod_bench.instrument.machine.system import available_cores, cpu_quota, physical_cores
from results import BenchPlan, ComparisonPlan, Device

PAPER_THREADS = 4


def threads_to_use(plan: BenchPlan | ComparisonPlan) -> int | None:
    """What was asked, or the paper's 4, or as many as have a core where those are fewer; None for Core ML."""
    if plan.device is Device.COREML:
        return None
    return plan.threads if plan.threads is not None else min(PAPER_THREADS, usable_cores())


def usable_cores() -> int:
    """Cores that threads can keep busy: those that this process may use, or what a container's limit leaves of them.

    Of a limit such as 1.5 cores a second thread has a half.
    """
    quota = cpu_quota()
    return available_cores() if quota is None else min(available_cores(), math.ceil(quota))


def draw_cores(draws: random.Random, threads: int) -> tuple[int, ...] | None:
    """As many cores as there are threads, or all that this process may use where they are fewer.

    Two threads of one physical core slow each other down, so it gives a second one only when every other has given one.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    physical = physical_cores(sorted(os.sched_getaffinity(0)))
    drawn = [draws.sample(siblings, len(siblings)) for siblings in draws.sample(physical, len(physical))]
    in_turn = [core for layer in zip_longest(*drawn) for core in layer if core is not None]
    return tuple(sorted(in_turn[:threads]))
