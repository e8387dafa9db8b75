"""Who may import whom, what starts fast, and what a wheel puts on the import path."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import hatchling.build
import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "models": set(),
    "results": set(),
    "exporters": {"models"},
    "effmod_bench": {"models", "exporters", "results"},
}
HEAVY = ("torch", "torchvision", "timm", "onnx", "onnxruntime", "coremltools", "pandas", "scipy", "matplotlib", "numpy")


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_data_flows_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        others = _imports(path) & (set(MAY_IMPORT) - {package})
        assert others <= MAY_IMPORT[package], f"{path} imports {others - MAY_IMPORT[package]}"


def _loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import models, exporters, results",
        "from effmod_bench.cli import app\napp(['--help'], standalone_mode=False)",
        "from effmod_bench.cli import app\napp(['list'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    assert not set(HEAVY) & _loaded_after(code)


def test_a_worker_imports_the_runtime_and_little_else() -> None:
    loaded = _loaded_after(
        "import effmod_bench.instrument.process.worker, effmod_bench.instrument.process.inputs\n"
        "import effmod_bench.instrument.sessions.onnxruntime"
    )
    assert "onnxruntime" in loaded
    assert not {"torch", "scipy", "pandas", "onnx", "timm", "matplotlib"} & loaded


def test_the_wheel_holds_the_four_packages_and_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    wheel = tmp_path / hatchling.build.build_wheel(str(tmp_path))
    names = zipfile.ZipFile(wheel).namelist()
    top_level = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert top_level == set(MAY_IMPORT)
    assert "models/zoo.json" in names
    assert "results/published/table1.csv" in names
    assert not [name for name in names if name.startswith("results/measured")]
