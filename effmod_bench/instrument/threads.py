"""How many threads run an inference, and on which cores."""

import math
import os
import random
from collections.abc import Sequence
from itertools import zip_longest

from effmod_bench.instrument.machine.system import available_cores, cpu_quota, physical_cores
from results import BenchPlan, ComparisonPlan, Device, ProfilePlan

PAPER_THREADS = 4


def threads_to_use(plan: BenchPlan | ComparisonPlan | ProfilePlan) -> int | None:
    """What was asked, or the paper's 4, or as many as have a core where those are fewer; None for Core ML."""
    return threads_among(plan, usable_cores())


def threads_among(plan: BenchPlan | ComparisonPlan | ProfilePlan, cores: int) -> int | None:
    """As `threads_to_use`, where threads can keep so many cores busy."""
    if plan.device is Device.COREML:
        return None
    return plan.threads if plan.threads is not None else min(PAPER_THREADS, cores)


def usable_cores() -> int:
    """Cores that threads can keep busy: those that this process may use, or what a container's limit leaves of them."""
    return cores_within(available_cores(), cpu_quota())


def cores_within(available: int, quota: float | None) -> int:
    """Of so many cores, those that a limit leaves: of 1.5 cores a second thread has a half."""
    return available if quota is None else min(available, math.ceil(quota))


def own_cores() -> list[list[int]] | None:
    """The logical cores that this process may use, by physical core; None where a process cannot be bound to any."""
    return physical_cores(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else None


def draw_cores(draws: random.Random, threads: int, physical: Sequence[Sequence[int]] | None) -> tuple[int, ...] | None:
    """As many cores as there are threads, or all that there are where they are fewer; None where none can be chosen.

    Two threads of one physical core slow each other down, so it gives a second one only when every other has given one.

    Args:
        physical: logical cores, by physical core.
    """
    if physical is None:
        return None
    drawn = [draws.sample(siblings, len(siblings)) for siblings in draws.sample(physical, len(physical))]
    in_turn = [core for layer in zip_longest(*drawn) for core in layer if core is not None]
    return tuple(sorted(in_turn[:threads]))
