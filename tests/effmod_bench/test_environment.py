import os
import re
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from effmod_bench import environment


def test_the_machine_is_this_one_and_nobody_can_be_recognized() -> None:
    machine = environment.read_machine()
    assert machine.cpu_model
    assert machine.available_cores <= (machine.logical_cores or 0)
    assert machine.memory_bytes == psutil.virtual_memory().total
    assert {"effmod-bench", "numpy", "python"} <= machine.versions.keys()
    assert {"onnxruntime", "onnxruntime-gpu"} & machine.versions.keys()
    text = msgspec.json.encode(machine).decode()
    home = str(Path.home())
    host = os.uname().nodename
    assert len(host) < 4 or host not in text
    assert len(home) < 2 or home not in text


def test_the_commit_is_gits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commit = environment.read_machine().effmod_commit
    if (Path(environment.__file__).parent.parent / ".git").exists():
        assert commit is not None
        assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", commit)
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "effmod_bench" / "environment.py"))
    assert environment.read_machine().effmod_commit is None


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {next(iter(allowed))})
        assert environment.available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(("content", "quota"), [("max 100000", None), ("150000 100000", 1.5)])
def test_a_containers_limit_is_read(content: str, quota: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_read", lambda path: content if path.name == "cpu.max" else None)
    assert environment.read_machine().cpu_quota == quota


def test_peak_memory_only_grows() -> None:
    before = environment.peak_memory_bytes()
    ballast = bytearray(50_000_000)
    ballast[::4096] = bytes(len(ballast[::4096]))
    after = environment.peak_memory_bytes()
    assert before is not None
    assert after is not None
    assert after >= before > 0
