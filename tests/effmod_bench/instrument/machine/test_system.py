import os
import sys

import pytest

from effmod_bench.instrument.machine import system


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {next(iter(allowed))})
        assert system.available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_threads_of_one_core_are_known_by_their_common_list(files: dict[str, str]) -> None:
    assert system.physical_cores([0, 1, 2]) == [[0], [1], [2]]
    for core, siblings in enumerate(("0-1", "0-1", "2-3", "2-3")):
        files[f"/sys/devices/system/cpu/cpu{core}/topology/core_cpus_list"] = siblings
    assert system.physical_cores([0, 1, 3]) == [[0, 1], [3]]
