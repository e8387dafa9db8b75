import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """A shell's background job ignores Ctrl-C, and so would the processes that tests send it to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def artifact_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, apart from the user's: an export takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_places(artifact_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache, store or current folder, or waits for a measurement of his."""
    monkeypatch.setenv("EFFMOD_CACHE", str(artifact_cache))
    monkeypatch.delenv("EFFMOD_STORE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("EFFMOD_LOCK", str(artifact_cache / "measuring.lock"))
    monkeypatch.chdir(tmp_path)
