"""How many threads run an inference, and on which cores."""

import os
import random
from itertools import zip_longest

from effmod_bench.instrument.machine.system import available_cores, physical_cores
from results import BenchPlan, ComparisonPlan, Device

PAPER_THREADS = 4


def threads_to_use(plan: BenchPlan | ComparisonPlan) -> int | None:
    """What was asked, or the paper's 4, or as many as there are cores where there are fewer; None for Core ML."""
    if plan.device is Device.COREML:
        return None
    return plan.threads if plan.threads is not None else min(PAPER_THREADS, available_cores())


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
