"""What is brought to a board before anything is timed there: packages for its system, and effmod's own modules."""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

import effmod_bench
from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.python import PythonThere
from effmod_bench.packages import install_line
from exporters.artifact.cache import keep
from exporters.artifact.hashes import sha256_of

# What a measuring process imports; ONNX Runtime's own dependencies are for tools that it has beside.
PACKAGES = ("numpy", "msgspec", "psutil", "filelock", "platformdirs", "py-cpuinfo")
# Which of these is here: what is brought has its version, and is built for the CPU.
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")
_OURS = ("effmod_bench", "models", "exporters", "results")
_MEASURED = "measured"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # an archive of the same files is the same archive

TRY = (
    "import effmod_bench.fleet.outpost, effmod_bench.instrument.process.worker, "
    "effmod_bench.instrument.process.inputs, effmod_bench.instrument.sessions.onnxruntime, "
    "effmod_bench.instrument.process.other, exporters.derived.cpu, numpy.fft, numpy.random"
)
"""What says that all is there; what a round imports besides would be compiled anew each time."""


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """A zip file, and the folder on the board that it is unpacked to, once.

    Attributes:
        takes_bytes: on the board's disk, itself and unpacked, since both are there for a while.
    """

    path: Path
    folder: str
    sha256: str
    size_bytes: int
    takes_bytes: int


def requirements() -> tuple[str, ...]:
    """What a board gets, each in the version that is installed here.

    Raises:
        DeviceUnavailableError: something is not installed here.
    """
    for runtime in _RUNTIMES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(runtime).partition("+")[0]
            return (f"onnxruntime=={version}", *(f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES))
    raise DeviceUnavailableError("onnxruntime is not installed here, and a board is to run the same version")


def platforms(python: PythonThere) -> tuple[str, ...]:
    """The platforms of wheels that run there, the best first.

    Raises:
        BoardError: its C library is another one than glibc.
    """
    if not python.libc:
        raise BoardError("its C library is not glibc, and ONNX Runtime is built for no other; install Debian or Ubuntu")
    minor = int(python.libc.split(".")[1])
    return (
        *(f"manylinux_2_{number}_{python.machine}" for number in range(minor, 16, -1)),
        f"manylinux2014_{python.machine}",
    )


def packages_for(python: PythonThere) -> Archive:
    """What is installed here, as a board needs it: downloaded once, and kept.

    Raises:
        BoardError: there is no such thing for it, or the package index does not answer.
        DeviceUnavailableError: pip is not installed here.
        OutputError: the cache cannot be written.
    """
    asked = (*requirements(), *platforms(python), f"{python.version[0]}{python.version[1]}")
    key = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]

    def make(path: Path) -> Path:
        wheels = path.parent / "wheels"
        download(python, wheels)
        _join(sorted(wheels.glob("*.whl")), path)
        shutil.rmtree(wheels)
        return path

    return _archive(_kept(key, "packages.zip", make))


def own_modules() -> Archive:
    """The four packages as they are here, without what was measured."""
    files = dict(sorted((name, content) for name, content in _own_files()))
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)

    def make(path: Path) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
        return path

    return _archive(_kept(digest.hexdigest()[:16], "effmod.zip", make))


def download(python: PythonThere, folder: Path) -> None:
    """Wheels, and nothing that would have to be built, by pip.

    Raises:
        BoardError: there is none for it, or the package index does not answer.
        DeviceUnavailableError: pip is not installed here.
    """
    try:
        importlib.metadata.version("pip")  # looking for the module would have setuptools warn where it is loaded
    except importlib.metadata.PackageNotFoundError:
        raise DeviceUnavailableError(
            f"pip, which gets packages for a board, is not installed; install it with: {install_line('pip')}"
        ) from None
    major, minor, _ = python.version
    tags = [option for platform in platforms(python) for option in ("--platform", platform)]
    abis = [option for abi in (f"cp{major}{minor}", "abi3", "none") for option in ("--abi", abi)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
            *("--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", f"{major}.{minor}"),
            *(*tags, *abis, "--dest", os.fspath(folder), *requirements()),
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BoardError(f"its packages cannot be had ({python}, glibc {python.libc}): {_why(done.stderr)}")


def _why(said: str) -> str:
    """What of pip's words says why it got nothing: of an index that does not answer, it says last that it has none."""
    if "connection broken by" in said:
        return "the package index cannot be reached from here"
    lines = said.strip().splitlines() or ["pip says nothing"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1]


def _join(wheels: list[Path], path: Path) -> None:
    """One archive of what wheels install: what they would put elsewhere is left out."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as joined:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                for info in archive.infolist():
                    name = _installed_as(info.filename)
                    if name is not None and not info.is_dir():
                        joined.writestr(zipfile.ZipInfo(name, _EPOCH), archive.read(info), zipfile.ZIP_DEFLATED)


def _installed_as(name: str) -> str | None:
    """Where a wheel's file goes, below the folder of packages."""
    first, _, inside = name.partition("/")
    if not first.endswith(".data"):
        return name
    scheme, _, rest = inside.partition("/")
    return rest if scheme in ("purelib", "platlib") else None


def _own_files() -> Iterator[tuple[str, bytes]]:
    for package in _OURS:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in name.parts and name.parts[0] != _MEASURED:
                yield f"{package}/{name.as_posix()}", path.read_bytes()
    version = effmod_bench.__version__
    metadata = f"Metadata-Version: 2.1\nName: effmod-bench\nVersion: {version}\n"
    yield f"effmod_bench-{version}.dist-info/METADATA", metadata.encode()


def _kept(key: str, name: str, make: Callable[[Path], Path]) -> Path:
    """An archive of the cache."""
    return keep(key, name, read=lambda path: path if zipfile.is_zipfile(path) else None, make=make)[0]


def _archive(path: Path) -> Archive:
    sha256, size_bytes = sha256_of(path), path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        takes_bytes = size_bytes + sum(info.file_size for info in archive.infolist())
    folder = f"{path.stem}-{sha256[:16]}"
    return Archive(path=path, folder=folder, sha256=sha256, size_bytes=size_bytes, takes_bytes=takes_bytes)
