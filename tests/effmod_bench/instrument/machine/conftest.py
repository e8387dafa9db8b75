import pytest

from effmod_bench.instrument.machine import conditions, heat, memory, system
from effmod_bench.instrument.machine import machine as environment


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the system's files hold: nothing, until a test puts something there."""
    contents: dict[str, str] = {}
    for module in (conditions, environment, heat, memory, system):
        monkeypatch.setattr(module, "read_text", lambda path: contents.get(str(path)))
    return contents
