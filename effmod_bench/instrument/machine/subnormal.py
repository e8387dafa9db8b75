"""What a product of a subnormal number costs on this processor."""

from functools import partial

from effmod_bench.instrument.clock import time_in_turn

# They stay in a core's own cache, and are so many that calling numpy costs less than they do.
_NUMBERS = 1 << 13
_TIMES = 300


def subnormal_cost() -> float:
    """How many times as long products take of which one factor is subnormal: float32, in numpy, on one core.

    The quotient of the two shortest times, of loops in turn over the same memory, all of it in one piece: where arrays
    lie makes more of a difference than such factors do on some processors.
    """
    import numpy as np

    numbers, factor, products = np.full((3, _NUMBERS), 0.75, np.float32)
    multiply = partial(np.multiply, numbers, factor, out=products)
    durations = time_in_turn([partial(numbers.fill, 0.5), multiply, partial(numbers.fill, 1e-39), multiply] * _TIMES)
    return min(durations[3::4]) / min(durations[1::4])
