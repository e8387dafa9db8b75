import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from effmod_bench import __version__
from effmod_bench.fleet import supplies
from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.python import PythonThere
from effmod_bench.fleet.supplies import own_modules, packages_for, platforms, requirements

PI = PythonThere(
    version=(3, 11, 2),
    implementation="cpython",
    system="Linux",
    machine="aarch64",
    libc="2.36",
    bits=64,
    executable="/usr/bin/python3",
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was told; it finds two wheels each time."""
    found: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        found.append(command)
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        for name, files in {
            "one-1.0-cp311-cp311-manylinux_2_28_aarch64.whl": ["one/__init__.py", "one-1.0.dist-info/METADATA"],
            "two-1.0-py3-none-any.whl": ["two-1.0.data/purelib/two.py", "two-1.0.data/scripts/two"],
        }.items():
            with zipfile.ZipFile(folder / name, "w") as wheel:
                for file in files:
                    wheel.writestr(file, file)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_a_board_gets_the_versions_that_are_here_built_for_the_cpu() -> None:
    import onnxruntime

    assert requirements()[0] == f"onnxruntime=={onnxruntime.__version__}"
    assert {each.partition("==")[0] for each in requirements()[1:]} == set(supplies.PACKAGES)
    assert not {"torch", "pandas", "scipy", "rich", "onnx"} & set(supplies.PACKAGES)


def test_wheels_are_for_the_boards_system_and_for_older_ones() -> None:
    found = platforms(PI)
    assert found[0] == "manylinux_2_36_aarch64"
    assert "manylinux_2_17_aarch64" in found
    assert found[-1] == "manylinux2014_aarch64"
    with pytest.raises(BoardError, match="not glibc"):
        platforms(msgspec.structs.replace(PI, libc=""))


def test_packages_are_asked_for_once_and_put_into_one_archive(asked: list[list[str]]) -> None:
    first, second = packages_for(PI), packages_for(PI)
    assert first == second
    assert len(asked) == 1
    assert asked[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--only-binary=:all:", "--no-deps", "manylinux_2_36_aarch64", "cp311", "abi3"} <= set(asked[0])
    assert zipfile.ZipFile(first.path).namelist() == ["one/__init__.py", "one-1.0.dist-info/METADATA", "two.py"]


def test_what_the_index_does_not_have_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = "WARNING: slow\nERROR: Could not find a version\nERROR: No matching distribution found for numpy==9\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1, stderr=errors))
    with pytest.raises(BoardError) as caught:
        packages_for(msgspec.structs.replace(PI, version=(3, 19, 0)))
    assert str(caught.value).endswith(
        "(Python 3.19.0 on Linux, aarch64, glibc 2.36): No matching distribution found for numpy==9"
    )


def test_an_index_that_does_not_answer_is_not_one_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No matching x\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1, stderr=said))
    with pytest.raises(BoardError, match=r"the package index cannot be reached from here$"):
        packages_for(msgspec.structs.replace(PI, version=(3, 18, 0)))


def test_own_modules_are_all_of_ours_and_nothing_that_was_measured() -> None:
    first, second = own_modules(), own_modules()
    assert first == second
    names = zipfile.ZipFile(first.path).namelist()
    assert {name.partition("/")[0] for name in names} == {
        *("effmod_bench", "exporters", "models", "results"),
        f"effmod_bench-{__version__}.dist-info",
    }
    assert "effmod_bench/fleet/outpost.py" in names
    assert "models/zoo.json" in names
    assert not [name for name in names if "measured/" in name or "__pycache__" in name]
