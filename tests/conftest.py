"""What holds for every test: places of its own, and nothing that outlives the run."""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import reaper

# Of a run, in its folder.
_PLACES = _CACHE, _HOME, _TEMPORARY = "cache", "home", "tmp"


@pytest.hookimpl(trylast=True)  # where a run's folder is, pytest's own hook says
def pytest_configure(config: pytest.Config) -> None:
    # Tracing a network makes millions of objects that live on, and the collector would go through them time and again.
    gc.set_threshold(100_000, 50, 50)
    os.environ.pop("EFFMOD_STORE", None)  # options read it once, when they are imported
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        # Torch's threads spin while they wait for a core: with more of them than cores, exports take twice the time.
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    reaper.watch_this_process(_shared(config))
    sys.meta_path.insert(0, _Apart())


class _Apart(MetaPathFinder, Loader):
    """Lets the test fail that imports Ray or gRPC into a process of pytest: a thread of theirs ended one, later."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name not in ("grpc", "ray"):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:  # whether it is installed may be asked
            spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        pytest.fail(f"{module.__name__} is not to be imported by a process of pytest: let one of its own do that")


def _shared(config: pytest.Config) -> list[Path]:
    """What no failed test has to show, and is large; nothing in a worker of pytest-xdist, which shares it with others.

    Without the lock, which is dead where a run was killed, the next run takes all of this one's folder away.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return []
    folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # as pytest-xdist does
    return [folder / name for name in (*_PLACES, ".lock")]


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or libraries would report as leaked what lived to the end


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Groups of tests go to one worker, or those would fail that find what others of their group have made."""
    if getattr(config.option, "loadgroup", False):
        for item in items:
            if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
                raise pytest.UsageError(f"pytest-xdist does not keep {item.nodeid} with its group")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """A shell's background job ignores Ctrl-C, and so would the processes that tests send it to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def _the_collector_passes_over_what_lives_on() -> None:
    """Coremltools has it look at all objects after each conversion, and most are those of the modules imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this run, which pytest-xdist's workers share and no other run does."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def artifact_cache(run_folder: Path) -> Path:
    """One cache for the whole run, apart from the user's: an export takes seconds."""
    return run_folder / _CACHE


@pytest.fixture(scope="session", autouse=True)
def _places_of_this_run(run_folder: Path) -> Iterator[None]:
    """What other programs keep for a user, or for all, is the run's own, too: two at once have nothing in common."""
    home, temporary = run_folder / _HOME, run_folder / _TEMPORARY
    settings = Path("~/.gitconfig").expanduser()
    with pytest.MonkeyPatch.context() as patch:
        if settings.exists():  # they say whether git may read this repository
            patch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        for folder in (home, temporary):
            folder.mkdir(exist_ok=True)
        patch.setenv("HOME", str(home))
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"):
            patch.setenv(name, str(home / name.lower()))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        yield


@pytest.fixture(autouse=True)
def _own_places(
    artifact_cache: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reads or writes the user's cache, store or current folder, or waits for a measurement of his."""
    monkeypatch.setenv("EFFMOD_CACHE", str(artifact_cache))
    monkeypatch.delenv("EFFMOD_STORE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # A worker of pytest-xdist has its own: each would wait for the other, and no test asserts how long a run takes.
    monkeypatch.setenv("EFFMOD_LOCK", str(tmp_path_factory.getbasetemp() / "measuring.lock"))
    monkeypatch.chdir(tmp_path)
