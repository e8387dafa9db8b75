"""A race whose times are made up, between files that a test makes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from effmod_bench.instrument.process.messages import PairJob
from effmod_bench.instrument.subject import Subject
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from effmod_bench.tuning.forms import Form
from results import Runtime
from tests.effmod_bench.tuning.support import let_take
from tests.fakes import write_onnx


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[PairJob]:
    """Every process that was started. The candidate takes as long as its file's name says: 0.9.onnx."""
    started: list[PairJob] = []
    let_take(monkeypatch, started, lambda job: float(Path(job.members["B"].session.path).stem))
    return started


@pytest.fixture
def forms(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Path]]:
    """The forms of the user's file beside itself, by name; a test puts in what it needs. No settings are tried."""
    made: dict[str, Callable[[], Path]] = {}

    def of_file(_: Console, given: Subject, __: Path, runtimes: Sequence[Runtime]) -> Iterator[Form]:
        for runtime in runtimes:
            on = "" if runtime is runtimes[0] else f", {runtime}"
            yield Form(name=f"original{on}", make=lambda: given, runtime=runtime, essential=True)
            for name, make in made.items():
                read = partial(_read, make)
                yield Form(name=f"{name}{on}", make=read, runtime=runtime, essential=True)

    monkeypatch.setattr("effmod_bench.tuning.tune.file_forms", of_file)
    monkeypatch.setattr("effmod_bench.tuning.candidates.settings", lambda *_, **__: ())
    (folder / "made").mkdir()
    write_onnx(folder / "net.onnx")
    return made


def _read(make: Callable[[], Path]) -> Subject:
    return file_subject(make(), {}, batch_size=1)
