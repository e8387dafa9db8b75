from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from exporters import (
    ArtifactError,
    ExportError,
    MachineMismatchError,
    OnnxConfig,
    ParityError,
    obtain,
    read_sidecar,
    sha256_of,
    sidecar_path,
)
from exporters.derived import cpu
from exporters.derived.cpu import read_cpu, read_cpu_name
from exporters.derived.machine import MachineFile, check_machine, optimize, read_machine_file
from models import Preprocessing, find_model
from tests.exporters.onnx.rewrites.support import graph
from tests.fakes import write_onnx

TEXT = """
g (float[1, 3, 8, 8] x) => (float[1, 16] y) {
    c = Conv(x, w)
    r = Relu(c)
    d = Conv(r, v)
    pooled = GlobalAveragePool(d)
    y = Flatten(pooled)
}
"""
# LayerNormalization as it was written before opset 17.
OLD_NORM = """
<ir_version: 7, opset_import: ["": 13]>
g (float[1, 4, 6] x) => (float[1, 4, 6] y)
<float[6] scale = {1, 2, 3, 4, 5, 6}, float[6] shift = {6, 5, 4, 3, 2, 1}, float two = {2}, float epsilon = {0.00001}> {
    mean = ReduceMean <axes = [-1]> (x)
    centred = Sub(x, mean)
    squared = Pow(centred, two)
    variance = ReduceMean <axes = [-1]> (squared)
    above = Add(variance, epsilon)
    deviation = Sqrt(above)
    normal = Div(centred, deviation)
    scaled = Mul(normal, scale)
    y = Add(scaled, shift)
}
"""


def feeds(name: str, *shape: int) -> list[dict[str, npt.NDArray[Any]]]:
    rng = np.random.default_rng(0)
    return [{name: rng.standard_normal(shape).astype(np.float32)} for _ in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(graph(TEXT, w=(16, 3, 3, 3), v=(16, 16, 1, 1)), tmp_path / "mine.onnx")
    return tmp_path / "mine.onnx"


@pytest.fixture
def optimized(path: Path, tmp_path: Path) -> Path:
    optimize(path, tmp_path / "new.onnx", feeds("x", 1, 3, 8, 8))
    return tmp_path / "new.onnx"


def change(path: Path, **fields: object) -> MachineFile:
    """Edit a sidecar, as if the file had been made elsewhere."""
    machine = read_machine_file(path)
    assert machine is not None
    sidecar_path(path).write_bytes(msgspec.json.encode(msgspec.structs.replace(machine, **fields)))
    edited = read_machine_file(path)
    assert edited is not None
    return edited


def domains(path: Path) -> Counter[str]:
    return Counter(node.domain for node in onnx.load(path).graph.node)


def test_the_runtimes_own_graph_is_kept_and_proved_equal(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.onnx"
    machine = optimize(path, new, feeds("x", 1, 3, 8, 8))
    assert set(domains(new)) - {""}  # operators of ONNX Runtime's own
    assert machine.parity.inputs == 3
    assert machine.parity.relative_error < 1e-5
    assert machine.original == "mine.onnx"
    assert machine.original_sha256 == sha256_of(path)
    assert machine.sha256 == sha256_of(new)
    assert machine.runtime == f"onnxruntime {onnxruntime.__version__}"
    assert list(machine.cpu_features) == sorted(machine.cpu_features)
    assert (machine.network, machine.preprocessing) == (None, Preprocessing())
    assert (machine.inputs[0].name, machine.inputs[0].shape) == ("x", (1, 3, 8, 8))
    assert machine.opset == 20
    assert capfd.readouterr() == ("", "")


def test_its_sidecar_is_read_again_and_not_taken_for_that_of_a_network(optimized: Path) -> None:
    machine = read_machine_file(optimized)
    assert machine is not None
    assert machine.original == "mine.onnx"
    assert read_sidecar(optimized) is None
    check_machine(optimized, machine)


def test_it_stands_alone(path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="data.bin", size_threshold=0)
    new = tmp_path / "out" / "new.onnx"
    new.parent.mkdir()
    machine = optimize(outside, new, feeds("x", 1, 3, 8, 8))
    assert machine.original_sha256 == sha256_of(outside, tmp_path / "data.bin")
    assert sorted(file.name for file in new.parent.iterdir()) == ["new.onnx", "new.onnx.json"]
    (tmp_path / "data.bin").unlink()
    onnxruntime.InferenceSession(new, providers=["CPUExecutionProvider"])


def test_what_the_runtime_fuses_may_be_newer_than_the_files_opset(tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(OLD_NORM), tmp_path / "old.onnx")
    machine = optimize(tmp_path / "old.onnx", tmp_path / "new.onnx", feeds("x", 1, 4, 6))
    assert [node.op_type for node in onnx.load(tmp_path / "new.onnx").graph.node] == ["LayerNormalization"]
    assert machine.opset == 13


def test_a_network_of_the_zoo_keeps_its_name_and_preprocessing(tmp_path: Path) -> None:
    spec = find_model("mobilenetv2_100")
    made = obtain(spec, OnnxConfig(image_size=32))
    new = tmp_path / "new.onnx"
    machine = optimize(made.path, new, feeds("input", 1, 3, 32, 32))
    assert machine.network == spec.name
    assert machine.preprocessing == spec.preprocessing
    assert machine.parity.relative_error < 1e-5
    assert "com.microsoft.nchwc" in domains(new)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"runtime": "onnxruntime 1.0.0"}, r"made by onnxruntime 1\.0\.0, where this is onnxruntime"),
        ({"cpu_features": ("avx1024", "sse9")}, "for a CPU with avx1024, sse9, which this one lacks"),
        ({"cpu_features": ()}, "for a CPU without .*, which this one has"),
    ],
)
def test_a_file_of_another_machine_is_refused(changed: dict[str, object], said: str, optimized: Path) -> None:
    with pytest.raises(MachineMismatchError, match=rf"new\.onnx runs only on .*{said}.*mine\.onnx.*effmod tune"):
        check_machine(optimized, change(optimized, **changed))


def test_any_other_file_is_not_machine_specific(path: Path) -> None:
    assert read_machine_file(path) is None
    sidecar_path(path).write_text('{"mine": 1}')
    assert read_machine_file(path) is None
    made = obtain(find_model("mobilenetv2_100"), OnnxConfig(image_size=32))
    assert read_machine_file(made.path) is None


def test_a_damaged_sidecar_is_said(optimized: Path) -> None:
    sidecar_path(optimized).write_text('{"machine_version": 1}')
    with pytest.raises(ArtifactError, match=r"cannot read .*new\.onnx\.json"):
        read_machine_file(optimized)


def test_a_file_that_does_not_run_says_so(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", operator="Hardmax", shape=())
    with pytest.raises(ExportError, match=r"ONNX Runtime cannot optimize .*x\.onnx"):
        optimize(path, tmp_path / "new.onnx", [])


def test_nothing_is_believed_that_was_not_proved(path: Path, tmp_path: Path) -> None:
    (feed, *_) = feeds("x", 1, 3, 8, 8)
    with pytest.raises(ParityError, match=r"new\.onnx cannot be checked"):
        optimize(path, tmp_path / "new.onnx", [feed, feed])
    assert not sidecar_path(tmp_path / "new.onnx").exists()


def test_of_a_cpus_features_the_vector_instructions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ["sse2", "smep", "hypervisor", "fpu", "avx2", "asimd", "constant_tsc"]
    monkeypatch.setattr("cpuinfo.get_cpu_info", lambda: {"brand_raw": "A CPU", "flags": flags})
    assert read_cpu.__wrapped__() == ("A CPU", ("asimd", "avx2", "sse2"))
    monkeypatch.setattr("cpuinfo.get_cpu_info", dict)
    assert read_cpu.__wrapped__() == (None, ())


def test_a_cpus_name_is_read_where_the_system_has_it_in_a_file_and_asked_for_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_cpu_name() == read_cpu()[0]
    says = tmp_path / "cpuinfo"
    monkeypatch.setattr(cpu, "_LINUX_SAYS", says)
    monkeypatch.setattr(cpu, "read_cpu", lambda: ("asked for", ()))
    assert read_cpu_name.__wrapped__() == "asked for"
    says.write_text("processor\t: 0\nCPU part\t: 0xd40\n")
    assert read_cpu_name.__wrapped__() == "asked for"
    says.write_text("processor\t: 0\nmodel name\t: A CPU: of Linux\nprocessor\t: 1\nmodel name\t: Another\n")
    assert read_cpu_name.__wrapped__() == "A CPU: of Linux"
