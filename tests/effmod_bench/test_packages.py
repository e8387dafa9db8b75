import importlib.metadata
import importlib.util
import itertools
import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from effmod_bench.errors import ExitCode, describe, exit_code
from effmod_bench.packages import _DISTRIBUTIONS, explain, missing
from exporters import ExportError, FormatUnavailableError
from models import ModelTargetError
from tests.benchmarks.wheels import requirements
from tests.effmod_bench.support import Run, store_with
from tests.fakes import make_round, write_onnx

# With only these installed a command has to work; rich, msgspec and others it needs even to say that it does not.
FOR_ALL = {"filelock", "msgspec", "platformdirs", "rich", "typer"}
OF_MATPLOTLIB = {"PIL", "packaging"}
NEEDED = [
    (["list"], set()),
    (["show", "store", "--output-format", "markdown"], {"numpy", "scipy", "tabulate"}),
    (["plot", "store", "--output", "plot.png"], {"numpy", "scipy", "matplotlib"} | OF_MATPLOTLIB),
    (["bench", "x.onnx", "--dry-run"], {"numpy", "onnx", "onnxruntime", "psutil"}),
]
# Imported once for all runs that do not lack it, in this order.
LOADED = (*sorted(FOR_ALL), "numpy", "effmod_bench.cli", "scipy.stats")
FINDER = """
import importlib.machinery, sys
class Finder:
    blocked = ()
    invalidate_caches = staticmethod(importlib.machinery.PathFinder.invalidate_caches)
    find_distributions = staticmethod(importlib.machinery.PathFinder.find_distributions)
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in cls.blocked:
            return None
        return importlib.machinery.PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Finder
"""
# Runs a command in a child for each set of packages that are not to be found, and prints how each ended. What the
# command starts itself does not find them either.
RUN_WITHOUT = f"""{FINDER}
import importlib, json, os, subprocess
FINDER = {FINDER!r}
def start(call, *rest, popen=subprocess.Popen, **options):
    if call[1:3] == ["-I", "-m"]:
        code = f"Finder.blocked = {{Finder.blocked}}; import runpy; runpy.run_module({{call[3]!r}}, None, '__main__')"
        call = [sys.executable, "-I", "-c", FINDER + code]
    return popen(call, *rest, **options)
for arguments, blocked, loaded in json.loads(sys.argv[1]):
    for module in loaded:
        importlib.import_module(module)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        Finder.blocked = tuple(blocked)
        subprocess.Popen = start
        sys.argv = ["effmod", *arguments]
        os.dup2(2, 1)
        from effmod_bench.__main__ import main
        main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


ALL = {
    module
    for each in requirements()
    for module in [m for m, names in _DISTRIBUTIONS.items() if each.name in names] or [each.name.replace("-", "_")]
}


def test_a_package_of_ours_is_named_as_it_is_installed() -> None:
    installed = importlib.metadata.packages_distributions()
    named = {}
    for module in ALL & installed.keys():
        said = re.fullmatch(r"(\S+) is not installed; install it with: .* -m pip install '?([\w-]+).*", missing(module))
        assert said is not None, missing(module)
        assert said[1] == said[2]
        named[module] = said[1]
    assert len(named) > 20
    for module, distribution in named.items():
        assert distribution in [re.sub("[-_.]+", "-", each).lower() for each in installed[module]]


def loaded_for(blocked: list[str]) -> list[str]:
    return [*itertools.takewhile(lambda module: module.partition(".")[0] not in blocked, LOADED)]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_command_needs_what_it_uses_and_names_what_is_missing_of_that(tmp_path: Path) -> None:
    store_with(tmp_path / "store", *(make_round([10.0 + i], index=i) for i in range(3)))
    write_onnx(tmp_path / "x.onnx")
    without = [(arguments, sorted(ALL - FOR_ALL - needs)) for arguments, needs in NEEDED]
    without += [(NEEDED[0][0], [module]) for module in sorted(FOR_ALL)]
    seen: set[str] = set()
    for arguments, needs in NEEDED:
        without += [(arguments, [module]) for module in sorted(needs - seen - OF_MATPLOTLIB)]
        seen |= needs
    runs = sorted(((*run, loaded_for(run[1])) for run in without), key=lambda run: len(run[2]))
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN_WITHOUT, json.dumps(runs)], capture_output=True, text=True, check=True
    )
    codes = [int(line) for line in done.stdout.split()]
    assert codes == [3 if len(blocked) == 1 else 0 for _, blocked, _ in runs], done.stderr
    for _, blocked in without[len(NEEDED) :]:
        assert f"error: {missing(blocked[0])}\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_network_is_exported_with_what_that_takes_alone(
    quickly: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))"
    )
    for module in (
        "coremltools",
        "matplotlib",
        "cuda",
        "pynvml",
        "openvino",
        "sklearn",
        "pandas",
        "tabulate",
    ):
        _block(module, monkeypatch)
    export = ("export", "net.py:build", "--image-size", "8", "--output", "out")
    done = quickly(*export, "--format", "coreml")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "coremltools is not installed" in done.stderr
    assert "use --format onnx" in done.stderr
    _block("onnxsim", monkeypatch)
    done = quickly(*export)
    assert done.returncode == ExitCode.UNAVAILABLE
    assert f"error: {missing('onnxsim')}" in done.stderr
    assert quickly(*export, "--no-simplify").returncode == 0


def _block(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)


def test_a_runtime_that_is_missing_is_said_before_anything_is_timed(
    quickly: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(tmp_path / "x.onnx")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else find_spec(name))
    done = quickly("bench", "x.onnx", "--runtime", "openvino")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "error: openvino is not installed; install it with: " in done.stderr


def test_a_library_that_says_it_in_its_own_words_lacks_it_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    _block("onnxscript", monkeypatch)
    error = ExportError("torch cannot export it")
    error.__cause__ = ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")
    assert exit_code(error) is ExitCode.UNAVAILABLE
    assert describe(error) == missing("onnxscript")


def test_what_a_users_own_file_asks_for_is_the_users() -> None:
    error = ModelTargetError("net.py cannot be imported, it failed at line 1: No module named 'my_house'")
    error.__cause__ = ModuleNotFoundError("No module named 'my_house'", name="my_house")
    assert explain(error) is None


def test_who_says_himself_what_would_help_is_heard() -> None:
    error = FormatUnavailableError("use --format onnx")
    error.__cause__ = ModuleNotFoundError("No module named 'coremltools'", name="coremltools")
    assert exit_code(error) is ExitCode.UNAVAILABLE
    assert describe(error) == "use --format onnx"


def test_a_module_of_effmods_own_that_is_missing_is_a_bug() -> None:
    assert exit_code(ModuleNotFoundError(name="exporters.nothing")) is ExitCode.BUG
    assert exit_code(ImportError("cannot import name 'x'", name="effmod_bench.errors")) is ExitCode.BUG


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("sympy", r"sympy is not installed; install it with: .* install sympy"),  # torch's
        ("no_such", r"no_such is not installed; '.* -m pip check' says which package needs it"),
        ("_lzma", r"this Python was built without its module '_lzma'; install a complete one"),
        ("torch.nothing", r"torch is installed, but does not load \(it has no torch.nothing\); .*--force-reinstall"),
    ],
)
def test_it_says_what_is_known(module: str, said: str) -> None:
    assert re.match(said, explain(ModuleNotFoundError(name=module)) or "")


def test_a_package_that_does_not_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "brokenlib").mkdir()
    (tmp_path / "brokenlib" / "__init__.py").write_text("import ctypes\nctypes.CDLL('libnothing.so.13')")
    with pytest.raises(OSError, match="libnothing") as raised:
        importlib.import_module("brokenlib")
    assert exit_code(raised.value) is ExitCode.UNAVAILABLE
    assert "brokenlib is installed, but does not load (libnothing.so.13" in describe(raised.value)


def test_an_environment_without_pip_is_uvs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", lambda *_: None)
    assert f"install it with: uv pip install --python {sys.executable} 'scipy>=" in missing("scipy")
