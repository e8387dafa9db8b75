"""effmod can be installed wherever README says that it can, from wheels alone.

Which packages have wheels where stands in tests/benchmarks/wheels.csv, which `make check-wheels` writes.
"""

import ast
import csv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import hatchling.build
import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement

from tests.benchmarks.wheels import PLATFORMS, PYTHONS, WHEELS, requirements

ROOT = Path(__file__).resolve().parent.parent
MARKERS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux aarch64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macOS on Apple silicon": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    "Windows x86-64": {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}
# Modules that Python has on one kind of system alone.
OF_ONE_SYSTEM = {"fcntl", "grp", "msvcrt", "pty", "pwd", "resource", "syslog", "termios", "tty", "winreg"}


@pytest.fixture(scope="module")
def wheels() -> dict[tuple[str, str], list[str]]:
    """The versions of Python that have a wheel, by requirement and platform."""
    with WHEELS.open(newline="") as file:
        return {(row["requirement"], row["platform"]): row["pythons"].split() for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Requirement]:
    """What our own wheel asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        wheel = zipfile.ZipFile(folder / hatchling.build.build_wheel(str(folder)))
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Metadata.from_email(wheel.read(name), validate=False).requires_dist or []


def needed(asked: Sequence[Requirement], extra: str = "") -> Iterator[tuple[str, str, str]]:
    """Each requirement, and a platform and Python where its marker holds."""
    for platform, markers in MARKERS.items():
        for python in PYTHONS:
            for requirement in asked:
                if requirement.marker is None or requirement.marker.evaluate(
                    {**markers, "python_version": python, "python_full_version": f"{python}.0", "extra": extra}
                ):
                    yield f"{requirement.name}{requirement.specifier}", platform, python


def without_wheel(
    asked: Sequence[Requirement], wheels: dict[tuple[str, str], list[str]], extra: str = ""
) -> list[tuple[str, str, str]]:
    return [each for each in needed(asked, extra) if each[2] not in wheels[each[0], each[1]]]


def test_every_package_that_is_asked_for_has_a_wheel(
    asked: list[Requirement], wheels: dict[tuple[str, str], list[str]]
) -> None:
    assert asked
    assert without_wheel(asked, wheels) == []
    with_openvino = [requirement for requirement in asked if "dev" not in str(requirement.marker)]
    assert without_wheel(with_openvino, wheels, "openvino") == []


def test_a_package_without_a_wheel_is_found(wheels: dict[tuple[str, str], list[str]]) -> None:
    """This is how coremltools was asked for when nothing could be installed on a Raspberry Pi."""
    asked = [Requirement("coremltools>=9,<10; sys_platform != 'win32' and python_version < '3.14'")]
    found = without_wheel(asked, wheels)
    assert {platform for _, platform, _ in found} == {"Linux aarch64"}
    assert {python for _, _, python in found} == {"3.11", "3.12", "3.13"}


def test_each_platform_gets_one_of_onnx_runtimes_two_packages(asked: list[Requirement]) -> None:
    """Both install the same files."""
    wanted = [each for each in needed(asked) if each[0].startswith("onnxruntime")]
    assert sorted(each[1:] for each in wanted) == sorted((where, python) for where in PLATFORMS for python in PYTHONS)


def test_coremltools_is_asked_for_wherever_it_has_a_wheel(
    asked: list[Requirement], wheels: dict[tuple[str, str], list[str]]
) -> None:
    wanted = {each for each in needed(asked) if each[0].startswith("coremltools")}
    assert wanted == {
        (*row, python) for row, pythons in wheels.items() if row[0].startswith("coremltools") for python in pythons
    }


def test_the_committed_wheels_are_of_what_is_asked_for_now(wheels: dict[tuple[str, str], list[str]]) -> None:
    now = {(f"{each.name}{each.specifier}", platform) for each in requirements() for platform in PLATFORMS}
    assert wheels.keys() == now


def test_readme_names_the_platforms() -> None:
    assert MARKERS.keys() == PLATFORMS.keys()
    text = " ".join((ROOT / "README.md").read_text().split())
    assert [platform for platform in PLATFORMS if platform not in text] == []


def test_what_one_system_alone_has_is_imported_where_it_is_needed() -> None:
    """A module that is imported as another is must not ask for `fcntl` on Windows, or for `msvcrt` elsewhere."""
    for package in ("models", "results", "exporters", "effmod_bench"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not OF_ONE_SYSTEM & {name.partition(".")[0] for name in names}, path
