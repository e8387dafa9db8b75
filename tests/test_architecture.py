"""Who may import whom, what starts fast, and what a wheel puts on the import path."""

import ast
import subprocess
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import hatchling.build
import pytest

from tests.fakes import write_onnx

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "models": set(),
    "results": set(),
    "exporters": {"models"},
    "effmod_bench": {"models", "exporters", "results"},
}
HEAVY = ("torch", "torchvision", "timm", "onnx", "onnxruntime", "coremltools", "pandas", "scipy", "matplotlib", "numpy")


# In each package imports run down its list, never up: a room, or a module beside the rooms. What stands on one line
# stands on one floor, and does not import its neighbours.
FLOORS = {
    "models": (
        ("dense", "mbconv", "context_maps", "training"),
        ("efficientmod_variants",),
        ("efficientmod", "convmlp", "edgevit", "pvt"),
        ("efficientmod_conv", "focalnet", "ghostnet", "layers", "mobileformer", "privacy", "van", "zoo"),
    ),
    "exporters": (
        ("making", "derived", "operators"),
        ("proof",),
        ("formats",),
        ("coreml", "onnx"),
        ("artifact",),
        ("feeds", "rewrites"),
        ("config", "errors", "quiet", "stage"),
    ),
    "effmod_bench": (
        ("__main__",),
        ("cli",),
        ("binder", "commands"),
        ("runs", "tuning"),
        ("suites",),
        ("targets",),
        ("options",),
        ("fleet", "isolation"),
        ("instrument",),
        ("screen", "errors"),
        ("packages", "streams"),
    ),
    "results": (
        ("report",),
        ("frame", "plots"),
        ("tables",),
        ("statistics",),
        ("published", "store", "sharing"),
        ("records", "colours", "whole"),
    ),
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in MAY_IMPORT
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports_of(code: str, modules: Collection[str]) -> set[str]:
    """Which of these modules code imports, also within functions; not what only a type checker sees."""
    found = set()
    waiting: list[ast.AST] = [ast.parse(code)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            # Each name is a module of its own, or belongs to the module that it is imported from.
            wholes = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {whole if whole in modules else node.module or "" for whole in wholes}
    return found & set(modules)


def circles(imports: Mapping[str, Collection[str]]) -> list[list[str]]:
    """What imports itself by way of others: the modules of each circle."""
    left = {name: set(others) & imports.keys() for name, others in imports.items()}
    while free := [name for name, others in left.items() if not others]:
        left = {name: others - set(free) for name, others in left.items() if name not in free}
    # What imports nothing that is left is gone; now what nobody imports.
    while free := [name for name in left if not any(name in others for others in left.values())]:
        left = {name: others for name, others in left.items() if name not in free}
    return [sorted(left)] if left else []


def climbs(imports: Mapping[str, Collection[str]], floors: Sequence[Sequence[str]]) -> list[str]:
    """Which imports of a package's modules run up, or to a neighbour, or from a module that has no floor."""
    floor = {room: number for number, rooms in enumerate(floors) for room in rooms}
    found = []
    for name, others in imports.items():
        package, _, inside = name.partition(".")
        room = inside.partition(".")[0]
        for other in others:
            theirs = other.removeprefix(f"{package}.").partition(".")[0]
            if inside and other.startswith(f"{package}.") and room != theirs and floor[room] >= floor[theirs]:
                found.append(f"{name} imports {other}")
    return found


IMPORTS = {name: imports_of(path.read_text(), MODULES) for name, path in MODULES.items()}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_data_flows_one_way(package: str) -> None:
    for name, others in IMPORTS.items():
        if name.partition(".")[0] == package:
            packages = {other.partition(".")[0] for other in others} - {package}
            assert packages <= MAY_IMPORT[package], f"{name} imports {packages - MAY_IMPORT[package]}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(IMPORTS) == []


@pytest.mark.parametrize("package", FLOORS)
def test_imports_run_down(package: str) -> None:
    own = {name: others for name, others in IMPORTS.items() if name.partition(".")[0] == package}
    rooms = {name.split(".")[1] for name in own if "." in name}
    assert rooms == {room for floor in FLOORS[package] for room in floor}, "a room without a floor, or without files"
    assert climbs(own, FLOORS[package]) == []


def test_a_circle_is_found_wherever_it_is_imported() -> None:
    modules = {"p.a", "p.b", "p.c", "p.d"}
    late = imports_of("def f():\n    from p import b, y\n    from p.c import x\n    return b, x, y", modules | {"p"})
    assert late == {"p", "p.b", "p.c"}
    for_types = imports_of(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.d\nelse:\n    import p.c", modules
    )
    assert for_types == {"p.c"}
    assert circles({"p.a": late, "p.b": {"p.c"}, "p.c": set()}) == []
    assert circles({"p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": {"p.b"}, "p.d": {"p.a"}}) == [["p.b", "p.c"]]


def test_an_import_that_runs_up_is_found() -> None:
    floors = (("top",), ("left", "right"), ("bottom",))
    assert climbs({"p.top.a": {"p.left", "p.bottom.b"}, "p.left": {"p.bottom.b"}, "p": {"p.top.a"}}, floors) == []
    assert climbs({"p.bottom.b": {"p.left.c"}}, floors) == ["p.bottom.b imports p.left.c"]
    assert climbs({"p.left.c": {"p.right"}}, floors) == ["p.left.c imports p.right"]


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


@pytest.mark.parametrize("room", ["exporters", "effmod_bench.instrument"])
def test_what_reports_home_is_imported_only_after_it_was_told_not_to(room: str) -> None:
    """`import models` tells it, and nothing outside of these rooms and `models` imports such a library."""
    assert "models.privacy" in _loaded_after(f"import {room}")
    libraries = ("onnxruntime", "timm", "huggingface_hub")
    importing = [
        name
        for name, path in MODULES.items()
        if any(
            f"import {library}" in path.read_text() or f"from {library}" in path.read_text() for library in libraries
        )
    ]
    assert importing
    assert [
        name for name in importing if not name.startswith(("models.", "exporters.", "effmod_bench.instrument."))
    ] == []


def test_what_reads_and_makes_files_is_imported_in_another_process(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    loaded = _loaded_after(
        "from effmod_bench.cli import app\napp(['bench', 'x.onnx', '--dry-run'], standalone_mode=False)"
    )
    assert "effmod_bench.isolation.process" in loaded
    assert not set(HEAVY) & loaded


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
    assert {"results/report/templates/page.html", "results/report/templates/page.js"} <= set(names)
    assert not [name for name in names if name.startswith("results/measured")]
