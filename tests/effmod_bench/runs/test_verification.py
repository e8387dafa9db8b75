"""`effmod verify` as a user runs it, in this process."""

import json
import re
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner, Result

import effmod_bench.isolation.apart
import exporters.stage
from effmod_bench.cli import app
from effmod_bench.isolation.process import Step
from exporters import (
    Compression,
    CoreMLConfig,
    OnnxConfig,
    deliver,
    obtain,
    package_sha256,
    sha256_of,
    sidecar_path,
)
from exporters.derived.machine import optimize
from exporters.derived.rewritten import rewrite_file
from exporters.stage import listen
from models import find_model
from models.zoo import own
from tests.exporters.onnx.rewrites.support import graph
from tests.fakes import FakeWorkProcess, T, write_onnx

NETWORK = "efficientmod_xxs"
OWN = """
    import torch
    from torch import nn

    def small():
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 128, 3, stride=4), nn.ReLU(), nn.Conv2d(128, 256, 1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))
"""


def effmod(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    return deliver(obtain(find_model(NETWORK), OnnxConfig(image_size=64)).path, tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network of the user's own that converts in a second."""
    path = tmp_path_factory.mktemp("own") / "own.py"
    path.write_text(textwrap.dedent(OWN))
    return f"{path}:small"


@pytest.fixture
def package(small: str, tmp_path: Path) -> Path:
    pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")
    return deliver(obtain(find_model(small), CoreMLConfig(image_size=64)).path, tmp_path)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_a_file_is_known_by_its_sidecar(onnx_file: Path) -> None:
    result = effmod("verify", onnx_file, "--output-format", "json")
    assert result.exit_code == 0
    (row,) = rows(result)
    assert row["precision"] == "float32"
    assert 0 < row["parity"]["relative_error"] < 1e-5
    assert row["parity"]["cosine"] == pytest.approx(1)
    sidecar = json.loads(onnx_file.with_name(onnx_file.name + ".json").read_bytes())
    assert row["parity"]["max_abs_error"] == pytest.approx(sidecar["parity"]["max_abs_error"])


def test_a_file_without_a_sidecar_needs_its_networks_name(onnx_file: Path) -> None:
    own = Path(shutil.copy(onnx_file, onnx_file.with_name("own.onnx")))
    result = effmod("verify", own)
    assert result.exit_code == 2
    assert "--against" in result.stderr
    assert effmod("verify", own, "--against", NETWORK).exit_code == 0


def test_another_networks_file_is_refused_after_its_table(onnx_file: Path) -> None:
    result = effmod("verify", onnx_file, "--against", "efficientmod_xs")
    assert result.exit_code == 4
    assert "not equal" in result.stdout
    assert "does not compute what the network computes" in result.stderr


def test_a_package_is_compared_in_both_precisions(package: Path, small: str) -> None:
    result = effmod("verify", package, "--against", small, "--output-format", "json")
    assert result.exit_code == 0, result.stderr
    full, own = rows(result)
    assert (full["precision"], own["precision"]) == ("float32", "float16")
    assert full["parity"]["relative_error"] < 5e-3 > own["parity"]["relative_error"]
    rounding = own["parity"]["rounding"]
    assert rounding["program_relative_error"] < 1e-5 > rounding["rounded_relative_error"]
    assert 1e-5 < rounding["arithmetic_relative_error"] < 5e-3
    assert rounding == pytest.approx(json.loads(sidecar_path(package).read_bytes())["parity"]["rounding"])


def test_a_sidecar_from_before_rounding_was_told_apart_is_read(package: Path, small: str) -> None:
    change_sidecar(package, lambda said: [said["parity"].pop(key) for key in ("rounding", "first_departure")])
    result = effmod("verify", package, "--against", small)
    assert result.exit_code == 0, result.stderr
    assert "largest activation" in result.stdout
    assert "float16's arithmetic alone: " in " ".join(result.stdout.split())


def zero_16_kib(weights: Any) -> None:
    weights[:8192] = 0


def flip_a_sign(weights: Any) -> None:
    weights[0] = -weights[0]


def damage(package: Path, how: Callable[[Any], None]) -> None:
    """Change the float16 weights of a package somewhere in the middle."""
    file = next(package.rglob("weight.bin"))
    data = bytearray(file.read_bytes())
    how(np.frombuffer(data, np.float16, offset=len(data) // 4 * 2))
    file.write_bytes(data)


def change_sidecar(path: Path, how: Callable[[dict[str, Any]], object]) -> None:
    said = json.loads(sidecar_path(path).read_bytes())
    how(said)
    sidecar_path(path).write_text(json.dumps(said))


@pytest.mark.parametrize("how", [zero_16_kib, flip_a_sign])
def test_a_damaged_package_is_not_its_sidecars(how: Callable[[Any], None], package: Path, small: str) -> None:
    recorded = package_sha256(package)
    damage(package, how)
    result = effmod("verify", package, "--against", small)
    assert result.exit_code == 4
    said = " ".join(result.stderr.split())
    assert f"{package} is not the file that its sidecar {package.name}.json describes" in said
    assert f"its sha256 is {package_sha256(package)[:12]}, and {recorded[:12]} stands there" in said
    assert "float16" in result.stdout  # what it computes is told nevertheless
    assert "The first operator that departs is conv 'conv2d_1'" in said


def test_damage_that_float16_would_hide_is_found_without_the_hash(package: Path, small: str) -> None:
    damage(package, zero_16_kib)
    change_sidecar(package, lambda said: said.update(sha256=package_sha256(package)))
    result = effmod("verify", package, "--against", small)
    assert result.exit_code == 4
    assert "not equal" in result.stdout
    said = " ".join(result.stderr.split())
    assert "evaluated in float32, does not compute what the float32 program computes that it was made of" in said
    assert "The first operator that departs is conv 'conv2d_1'" in said
    assert "and it was" in said  # so much worse than its sidecar says


def test_a_package_of_other_versions_is_proved_as_far_as_float16_goes(package: Path, small: str) -> None:
    change_sidecar(package, lambda said: said["versions"].update(torch="1.0"))
    result = effmod("verify", package, "--against", small, "--output-format", "json")
    assert result.exit_code == 0, result.stderr
    assert "was made with torch 1.0: an error as small as float16's is not seen here" in " ".join(result.stderr.split())
    _, own = rows(result)
    assert own["parity"]["rounding"]["rounded_relative_error"] is None


def test_a_file_that_is_not_its_sidecars_is_refused_though_it_computes_the_same(onnx_file: Path) -> None:
    graph = onnx.load(onnx_file)
    graph.doc_string = "mine"
    onnx.save(graph, onnx_file)
    result = effmod("verify", onnx_file)
    assert result.exit_code == 4
    assert "equal" in result.stdout
    assert f"is not the file that its sidecar {onnx_file.name}.json describes" in " ".join(result.stderr.split())


def test_a_machine_specific_file_that_is_not_its_sidecars_is_refused(tmp_path: Path) -> None:
    feeds = [{"x": np.random.default_rng(seed).random((1, 3, 8, 8), np.float32)} for seed in range(2)]
    path = tmp_path / "fast.onnx"
    optimize(write_onnx(tmp_path / "own.onnx", shape=(1, 3, 8, 8)), path, feeds)
    path.write_bytes(write_onnx(tmp_path / "other.onnx", operator="Sigmoid", shape=(1, 3, 8, 8)).read_bytes())
    result = effmod("verify", path, "--against", NETWORK)
    assert result.exit_code == 4, result.output
    assert "fast.onnx is not the file that its sidecar fast.onnx.json describes" in " ".join(result.stderr.split())


def test_a_damaged_file_that_cannot_be_evaluated_is_first_of_all_not_its_sidecars(onnx_file: Path) -> None:
    onnx_file.write_bytes(onnx_file.read_bytes()[:1000])
    result = effmod("verify", onnx_file)
    assert result.exit_code == 4
    said = " ".join(result.stderr.split())
    assert f"is not the file that its sidecar {onnx_file.name}.json describes" in said
    assert "is not an ONNX file that can be read" in said


def test_compressed_weights_are_reported_as_not_meant_to_be_equal(small: str, tmp_path: Path) -> None:
    pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")
    config = CoreMLConfig(image_size=64, compress=Compression.INT8)
    path = deliver(obtain(find_model(small), config).path, tmp_path)
    result = effmod("verify", path, "--against", small)
    assert result.exit_code == 0, result.stderr
    assert "not meant to be equal" in result.stdout


@pytest.fixture
def rewritten(tmp_path: Path) -> Path:
    """A user's own file, rewritten; the original lies in the folder above."""
    norm = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
    body = "c = Conv(x, w) y = BatchNormalization(c, scale, shift, mean, var)"
    text = f"g (float[n, 3, h, 8] x) => (float[n, 4, k, l] y) {{ {body} }}"
    onnx.save(graph(text, w=(4, 3, 3, 3), **norm), tmp_path / "mine.onnx")
    return rewrite_file(tmp_path / "mine.onnx", tmp_path / "out", ("batch_norm",), {"x": (2, 3, 6, 8)})[0]


def test_a_rewritten_file_is_compared_with_its_original(rewritten: Path) -> None:
    original = rewritten.parent.parent / "mine.onnx"
    result = effmod("verify", rewritten, "--against", original, "--output-format", "json")
    assert result.exit_code == 0, result.stderr
    (row,) = rows(result)
    sidecar = json.loads(rewritten.with_name(rewritten.name + ".json").read_bytes())
    assert row["parity"]["inputs"] == 8  # of two images each
    assert row["parity"]["relative_error"] == pytest.approx(sidecar["parity"]["relative_error"])
    shutil.copy(original, rewritten.parent)
    shown = effmod("verify", rewritten)
    assert shown.exit_code == 0, shown.stderr
    assert (
        f"mine-batch_norm.onnx: mine.onnx (sha256 {sha256_of(original)[:12]}), rewritten: batch_norm 1" in shown.stdout
    )
    assert "equal" in shown.stdout


def test_a_rewritten_file_that_was_changed_is_found(rewritten: Path) -> None:
    model = onnx.load(rewritten)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(onnx.numpy_helper.from_array(1.01 * onnx.numpy_helper.to_array(tensor), tensor.name))
    onnx.save(model, rewritten)
    result = effmod("verify", rewritten, "--against", rewritten.parent.parent / "mine.onnx")
    assert result.exit_code == 4
    assert "not equal" in result.stdout
    said = " ".join(result.stderr.split())
    assert "mine-batch_norm.onnx is not the file that its sidecar mine-batch_norm.onnx.json describes" in said
    assert "mine-batch_norm.onnx does not compute what mine.onnx computes" in said
    assert "The first operator that departs is Conv " in said


def test_a_rewritten_file_without_its_original_says_what_it_is(rewritten: Path) -> None:
    original = rewritten.parent.parent / "mine.onnx"
    result = effmod("verify", rewritten)
    assert result.exit_code == 2
    assert f"was rewritten from mine.onnx (sha256 {sha256_of(original)[:12]})" in " ".join(result.stderr.split())
    assert "--against" in result.stderr
    other = write_onnx(original.with_name("other.onnx"))
    refused = effmod("verify", rewritten, "--against", other)
    assert refused.exit_code == 2
    assert "other.onnx is not the mine.onnx that mine-batch_norm.onnx was rewritten from" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--against", "mine.onnx", "--checkpoint", "b.pth"], "--checkpoint is for networks, and mine.onnx is a file"),
        (["--checkpoint", "best.pth"], "--against NETWORK (and --checkpoint PATH)"),
    ],
)
def test_what_does_not_go_with_a_rewritten_file_is_refused(options: list[str], said: str, rewritten: Path) -> None:
    result = effmod("verify", rewritten, *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_only_a_rewritten_file_is_compared_with_a_file(tmp_path: Path) -> None:
    result = effmod("verify", write_onnx(tmp_path / "a.onnx"), "--against", write_onnx(tmp_path / "b.onnx"))
    assert result.exit_code == 2
    assert "was not rewritten from one by effmod; name a network with --against NETWORK" in result.stderr


def test_a_file_that_onnx_runtime_does_not_load_is_refused_by_name(tmp_path: Path) -> None:
    own = onnx.load(write_onnx(tmp_path / "own.onnx"))
    own.graph.node[0].domain = "mine"
    own.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    onnx.save(own, tmp_path / "own.onnx")
    result = effmod("verify", tmp_path / "own.onnx", "--against", NETWORK)
    assert result.exit_code == 2, result.output
    assert "ONNX Runtime cannot run" in result.stderr


def test_a_file_that_onnx_runtime_loads_and_cannot_feed_an_image_is_refused_by_name(tmp_path: Path) -> None:
    own = onnx.load(write_onnx(tmp_path / "own.onnx", shape=(1, 3, 32, 32)))
    for value in (*own.graph.input, *own.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    onnx.save(own, tmp_path / "own.onnx")
    result = effmod("verify", tmp_path / "own.onnx", "--against", NETWORK)
    assert result.exit_code == 2, result.output
    assert "ONNX Runtime cannot run own.onnx" in result.stderr


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("missing.onnx", 2, "No such file"),
        ("empty.onnx", 2, "is not an ONNX file"),
        ("folder", 2, "as a Core ML package"),
    ],
)
def test_what_is_no_artifact_is_refused(name: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    result = effmod("verify", tmp_path / name, "--against", NETWORK)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_images_that_no_machine_holds_are_refused_before_they_are_made(tmp_path: Path) -> None:
    result = effmod("verify", write_onnx(tmp_path / "x.onnx", shape=(1, 3, 10**7, 10**7)), "--against", NETWORK)
    assert result.exit_code == 2
    assert "x.onnx: to make input 'input' of shape 1,3,10000000,10000000 takes" in result.stderr


class _Crash(BaseException):
    """The process ends here."""


class _Crashing(FakeWorkProcess):
    def do(self, work: Callable[[], T], step: Step) -> T:
        listen(step.begin)
        try:
            return work()
        except _Crash:
            raise step.crashed(-11) from None


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        ("exporters.onnx.graph.load_graph", 2, "x.onnx: the process that loaded it ended by signal 11 (SIGSEGV)"),
        ("effmod_bench.runs.verification.reference", 2, f"{NETWORK}: the process that made it ended by signal 11"),
        ("exporters.onnx.evaluator.OnnxEvaluator.scores", 4, "x.onnx: the process that proved it ended by signal 11"),
    ],
)
def test_a_crash_is_of_the_file_where_it_is_loaded_or_run_and_of_the_network_where_that_is_made(
    where: str, code: int, said: str, onnx_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise _Crash

    own = Path(shutil.copy(onnx_file, onnx_file.with_name("x.onnx")))
    monkeypatch.setattr(exporters.stage, "_listeners", [])
    monkeypatch.setattr(effmod_bench.isolation.apart, "WorkProcess", _Crashing)
    monkeypatch.setattr(where, crash)
    result = effmod("verify", own, "--against", NETWORK)
    assert result.exit_code == code
    assert said in result.stderr.splitlines()[-1]


SCALED = """
from pathlib import Path
import torch
from torch import nn

def net():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Flatten(), nn.Linear(8 * 15**2, 4))  # for images of 32x32 alone
    with torch.no_grad():
        net[0].weight.mul_(float(Path(__file__).with_name("scale").read_text()))
    return net
"""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """The file of a function's network; a number beside the function decides its weights."""
    (tmp_path / "own.py").write_text(SCALED)
    (tmp_path / "scale").write_text("1")
    done = effmod("export", "own.py:net", "--image-size", "32", "--no-simplify", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == "weights: the function's own\n"
    return tmp_path / done.stdout.strip()


@pytest.mark.parametrize(
    ("scale", "code", "said"),
    [
        ("1", 0, None),
        ("1.000001", 0, "was made of other weights than own.py:net returns now"),
        ("2", 4, "does not compute what the network computes: .* made of other weights than own.py:net returns now"),
    ],
)
def test_a_functions_network_is_compared_as_it_returns_it(
    scale: str, code: int, said: str | None, own_file: Path
) -> None:
    own_file.with_name("scale").write_text(scale)
    own._build.cache_clear()  # as in another process
    done = effmod("verify", own_file, "--against", "own.py:net")
    stderr = " ".join(done.stderr.split())
    assert done.exit_code == code, stderr
    assert "weights: the function's own" in stderr
    if said is None:
        assert "weights than" not in stderr
    else:
        assert re.search(said, stderr, re.IGNORECASE)


def test_random_weights_are_compared_with_where_that_is_asked(own_file: Path) -> None:
    done = effmod("verify", own_file, "--against", "own.py:net", "--weights", "random")
    assert done.exit_code == 4
    assert "weights: random(seed 0)" in done.stderr
    assert "weights than" not in done.stderr


STILL = """
    import torch
    from torch import nn

    class Anchored(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, stride=4)
            self.register_buffer("anchors", torch.arange(8.0).reshape(2, 4))

        def forward(self, x):
            return {"scores": self.conv(x).mean((2, 3)), "anchors": self.anchors}

    def anchored():
        torch.manual_seed(0)
        return Anchored()
"""


def test_an_output_that_no_input_moves_is_named_as_export_names_it(tmp_path: Path) -> None:
    (tmp_path / "still.py").write_text(textwrap.dedent(STILL))
    target = "still.py:anchored"
    file = deliver(obtain(find_model(target, image_size=32), OnnxConfig(image_size=32)).path, tmp_path)
    done = effmod("verify", file, "--against", target)
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert f"warning: {file.name}: 'anchors' of its outputs hardly moves from image to image" in said
