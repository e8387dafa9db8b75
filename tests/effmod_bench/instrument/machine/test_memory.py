import pytest

from effmod_bench.instrument.machine import machine as environment
from effmod_bench.instrument.machine import memory


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_a_limit_beyond_the_memory_there_is_is_none(limit: str, files: dict[str, str]) -> None:
    files["/proc/self/cgroup"] = "0::/a"
    files["/sys/fs/cgroup/a/memory.max"] = limit
    assert environment.read_machine().memory_limit_bytes is None


def test_peak_memory_only_grows() -> None:
    before = memory.peak_memory_bytes()
    ballast = bytearray(50_000_000)
    ballast[::4096] = bytes(len(ballast[::4096]))
    after = memory.peak_memory_bytes()
    assert before is not None
    assert after is not None
    assert after >= before > 0
