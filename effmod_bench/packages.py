"""A package that is missing, or does not load, is named with the line that installs it. It is no bug of effmod's."""

import importlib.machinery
import importlib.util
import platform
import re
import shlex
import sys
import sysconfig
import traceback
from pathlib import Path

_OURS = "effmod-bench"
_OUR_PACKAGES = ("effmod_bench", "models", "exporters", "results")
# Distributions whose package has another name.
_DISTRIBUTIONS = {
    "PIL": ("pillow",),
    "cpuinfo": ("py-cpuinfo",),
    "cuda": ("cuda-bindings",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pynvml": ("nvidia-ml-py",),
    "sklearn": ("scikit-learn",),
}
# What the dynamic loaders of Linux, macOS and Windows say of a library that is not there, or not for this machine.
_NOT_LOADED = re.compile(
    r"cannot open shared object|undefined symbol|invalid ELF|image not found|dlopen|DLL load failed|WinError 126"
)


def explain(error: BaseException) -> str | None:
    """What to say where a package that effmod needs is missing or does not load; None where that is not the matter.

    A library of ours may have said in its own words what it could not do for want of a package; what a user's own file
    or a plug-in asks for besides is not effmod's to install.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(error.name)
    if isinstance(error, ImportError) or (isinstance(error, OSError) and _NOT_LOADED.search(str(error))):
        return _broken(error)
    cause = error.__cause__
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            module = cause.name.partition(".")[0]
            if any(_of(line, module) for line in _lines(_OURS)) and importlib.util.find_spec(module) is None:
                return missing(module)
        cause = cause.__cause__
    return None


def missing(module: str) -> str:
    """What to say of a package that is not there: how it is installed."""
    requirement = _requirement(module)
    if requirement is not None:
        return f"{_name(requirement)} is not installed; install it with: {install_line(requirement)}"
    if any(_of(line, module) for line in _lines(_OURS)):
        system = f"{platform.system()} on {platform.machine()} with Python {platform.python_version()}"
        return (
            f"{module} is not installed, since there is none for {system}; install effmod elsewhere for what needs it"
        )
    return f"{module} is not installed; '{_python()} -m pip check' says which package needs it"


def _missing(name: str) -> str | None:
    module = name.partition(".")[0]
    if module in _OUR_PACKAGES:
        return None
    if module in sys.stdlib_module_names:
        return f"this Python was built without its module {module!r}; install a complete one, and effmod there"
    if module != name and importlib.util.find_spec(module) is not None:
        return _other_version(module, f"it has no {name}")
    return missing(module)


def _broken(error: BaseException) -> str | None:
    module = ((error.name or "") if isinstance(error, ImportError) else "").partition(".")[0] or _importer(error)
    if module is None or module in _OUR_PACKAGES or module in sys.stdlib_module_names:
        return None
    return _other_version(module, str(error).partition("\n")[0])


def _other_version(module: str, why: str) -> str:
    requirement = _requirement(module) or module
    again = install_line(requirement, again=True)
    return f"{module} is installed, but does not load ({why}); install it again with: {again}"


def _importer(error: BaseException) -> str | None:
    """The package whose code failed, by where it lies."""
    home = Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        for folder in home:
            if Path(frame.filename).is_relative_to(folder):
                return Path(frame.filename).relative_to(folder).parts[0].removesuffix(".py")
    return None


def _requirement(module: str) -> str | None:
    """What to install for a package: as effmod asks for it on this machine, or by the name that others need it by."""
    import importlib.metadata

    for line in _lines(_OURS):
        if _of(line, module) and _holds(line):
            return line.partition(";")[0].strip()
    others = (_lines(distribution.name) for distribution in importlib.metadata.distributions())
    return next((_name(line) for lines in others for line in lines if _of(line, module)), None)


def _lines(distribution: str) -> list[str]:
    """What a distribution asks for, with its extras, as `name>=1; marker`."""
    import importlib.metadata  # here, since `effmod --help` would wait for it

    try:
        return importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _holds(line: str) -> bool:
    """Whether a requirement is one on this machine, with all extras."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # the one that is missing
        return True
    marker = Requirement(line).marker
    extras = re.findall(r"extra == ['\"]([^'\"]+)", line) or [""]
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def _of(line: str, module: str) -> bool:
    """Whether a requirement brings a package."""
    return _canonical(_name(line)) in _DISTRIBUTIONS.get(module, (_canonical(module),))


def _name(line: str) -> str:
    return re.split(r"[^\w.-]", line, maxsplit=1)[0]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def install_line(requirement: str, *, again: bool = False) -> str:
    """What installs a package, or an extra of effmod's, into this environment."""
    options = ["--force-reinstall"] if again else []
    # Not by importlib.util, where setuptools would replace distutils for whoever looks for pip.
    if importlib.machinery.PathFinder.find_spec("pip") is None:  # an environment of uv's
        return shlex.join(["uv", "pip", "install", "--python", _python(), *options, requirement])
    return shlex.join([_python(), "-m", "pip", "install", *options, requirement])


def _python() -> str:
    return sys.executable or "python"
