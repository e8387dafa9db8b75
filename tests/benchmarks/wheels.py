"""Where the packages that effmod needs have wheels, and whether it can be installed from wheels alone.

`make check-wheels` asks the package index, by uv, and writes tests/benchmarks/wheels.csv: a row a package and platform,
with the versions of Python that have a wheel. tests/test_installation.py holds the markers in pyproject.toml against
it. Then it resolves effmod as a whole for each, with all that its packages need themselves.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
WHEELS = Path(__file__).with_suffix(".csv")
# By the name that README has for it: uv's. glibc 2.34 is that of Amazon Linux 2023, and older than that of
# Ubuntu 22.04 (a Jetson's) and of Debian 12 (a Raspberry Pi's).
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_34",
    "Linux aarch64": "aarch64-manylinux_2_34",
    "macOS on Apple silicon": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def requirements() -> list[Requirement]:
    """What effmod and its extras need; not what its developers do, but for what a feature asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["openvino"], *extras["ssh"]]
    lines += [line for line in extras["dev"] if line.startswith("scikit-learn")]
    return [Requirement(line) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, help="write them here")
    arguments = parser.parse_args()
    if shutil.which("uv") is None:
        sys.exit("this needs uv, which resolves for other platforms than its own: pipx install uv")
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda each: (*each, _pythons(*each, "--no-deps")), _cells()))
        whole = list(pool.map(lambda platform: (platform, _pythons(_effmod(), platform)), PLATFORMS))
    for requirement, platform, pythons in rows:
        print(f"{requirement:24} {platform:24} {pythons or 'none'}")
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("requirement", "platform", "pythons"))
            writer.writerows(rows)
    for platform, pythons in whole:
        print(f"{'effmod-bench':24} {platform:24} {pythons or 'none'}")
    if any(pythons != " ".join(PYTHONS) for _, pythons in whole):
        sys.exit("effmod cannot be installed everywhere")


def _cells() -> Iterator[tuple[str, str]]:
    for requirement in requirements():
        for platform in PLATFORMS:
            yield f"{requirement.name}{requirement.specifier}", platform


def _effmod() -> str:
    """Everything that effmod asks for, with its markers."""
    return "\n".join(str(requirement) for requirement in requirements())


def _pythons(requirements: str, platform: str, *options: str) -> str:
    """The versions of Python for which there are wheels of these."""
    return " ".join(python for python in PYTHONS if _resolves(requirements, platform, python, *options))


def _resolves(requirements: str, platform: str, python: str, *options: str) -> bool:
    command = ["uv", "pip", "compile", "-", "--only-binary", ":all:", "--python-version", python, *options]
    command += ["--python-platform", PLATFORMS[platform], "--no-python-downloads", "--prerelease", "disallow"]
    command += ["--no-header", "--quiet"]
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run(command, input=requirements, capture_output=True, text=True, env=environment)
    if done.returncode and "no solution found" not in done.stderr.lower():
        raise RuntimeError(f"uv could not tell whether there are wheels for {platform}: {done.stderr}")
    return done.returncode == 0


if __name__ == "__main__":
    main()
