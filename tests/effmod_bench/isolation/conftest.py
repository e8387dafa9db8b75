"""Here work is really done in a process of its own."""

from collections.abc import Iterator

import pytest

from effmod_bench.isolation import apart
from effmod_bench.isolation.process import WorkProcess


@pytest.fixture(autouse=True)
def _work_is_done_apart(_work_is_done_here: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(apart, "WorkProcess", WorkProcess)
    yield
    apart.end()
