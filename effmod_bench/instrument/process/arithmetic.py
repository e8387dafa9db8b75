"""What numpy does in a second: products of matrices, and sums over memory; a process that says it in JSON.

It is started with the number of threads, and without what tells its library of linear algebra how to work.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from effmod_bench.instrument.clock import no_garbage_collection, time_runs

_SIDES = (256, 512, 1024)
_ARRAYS = tuple(1 << power for power in (13, 15, 17, 19, 21, 23, 25))  # bytes of each of three, in each thread
_LEAST_NS = 2_000_000  # that is timed as a whole
_TIMES = 15


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in a second, at best.

    Attributes:
        multiply_adds: by the bytes of the three matrices.
        bytes: read and written, by the bytes of all arrays of all threads.
    """

    multiply_adds: dict[int, float]
    bytes: dict[int, float]


def main() -> None:
    threads = int(sys.argv[1])
    with no_garbage_collection():
        done = Done(multiply_adds=_products(), bytes=_sums(threads))
    sys.stdout.write(msgspec.json.encode(done).decode())


def _products() -> dict[int, float]:
    import numpy as np

    found = {}
    for side in _SIDES:
        a, b, c = np.full((3, side, side), 0.5, np.float32)
        found[3 * a.nbytes] = side**3 / _shortest_s(lambda a=a, b=b, c=c: np.matmul(a, b, out=c))  # type: ignore[misc]
    return found


def _sums(threads: int) -> dict[int, float]:
    """A triad's traffic: two arrays are read and one is written; or one and one, where copying is faster."""
    import numpy as np

    found = {}
    with ThreadPoolExecutor(threads) as pool:
        for size in _ARRAYS:
            arrays = [[np.full(size // 4, 0.5, np.float32) for _ in range(3)] for _ in range(threads)]
            # So many in one call, or calling would be most of it.
            often = max(1, (1 << 20) // size)

            def add(each: list[Any], often: int = often) -> None:
                a, b, c = each
                for _ in range(often):
                    np.add(a, b, out=c)

            def copy(each: list[Any], often: int = often) -> None:
                for _ in range(often):
                    np.copyto(each[1], each[0])

            moved = {add: 3 * size, copy: 2 * size}
            rates = [
                often * threads * each / _shortest_s(lambda work=work, arrays=arrays: _in_all(pool, work, arrays))  # type: ignore[misc]
                for work, each in moved.items()
            ]
            found[3 * size * threads] = max(rates)
    return found


def _in_all(pool: ThreadPoolExecutor, work: Callable[[list[Any]], None], arrays: list[list[Any]]) -> None:
    if len(arrays) == 1:
        work(arrays[0])
    else:
        list(pool.map(work, arrays))


def _shortest_s(call: Callable[[], object]) -> float:
    """About the shortest time of a call: what delays it is not what the machine can do."""
    (once,) = time_runs(call, 1)
    runs = max(_TIMES, min(200, _LEAST_NS // max(once, 1)))
    return min(time_runs(call, runs)) / 1e9


if __name__ == "__main__":
    main()
