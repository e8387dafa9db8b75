import pytest

from effmod_bench.isolation.limit import TIMEOUT_S, advice, limit_s
from tests.effmod_bench.support import effmod


@pytest.mark.parametrize("command", ["export", "verify", "tune", "bench", "compare", "info"])
def test_every_command_that_makes_or_reads_what_may_hang_takes_a_timeout(command: str) -> None:
    assert (limit_s(), advice()) == (TIMEOUT_S, "")
    assert effmod(command, "nowhere", "--timeout", "1.5m").exit_code == 2
    assert limit_s() == 90
    assert "--timeout" in advice()
    assert "write it as 90s, 10m or 1h" in effmod(command, "nowhere", "--timeout", "5").stderr
