import importlib.util
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import exporters.artifact.cache
import exporters.artifact.versions
import exporters.making.file
import exporters.making.key
import exporters.proof.parity
import models
from exporters import (
    RANDOM,
    Compression,
    ComputePrecision,
    CoreMLConfig,
    ExportConfig,
    ExportError,
    Format,
    FormatUnavailableError,
    InputKind,
    OnnxConfig,
    ParityError,
    Subnormals,
    is_cached,
    obtain,
    package_sha256,
    read_sidecar,
    sha256_of,
    weights_identity,
)
from exporters.rewrites import AUTO, EXACT, RETRAIN, RewriteError
from models import CheckpointError, ImageSizeError, ModelSpec, WeightsSource
from models.zoo import own
from models.zoo.batch_normed import batch_normed
from models.zoo.identity import Identity
from tests.exporters.support import CONFIG, COREML, needs_coremltools

REWRITTEN = msgspec.structs.replace(CONFIG, rewrites=EXACT)

SMALL = """
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.GELU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
"""


@pytest.fixture
def small(tmp_path: Path) -> ModelSpec:
    """A network that is exported in a second, for tests that do so again."""
    (tmp_path / "net.py").write_text(SMALL)
    return models.find_model("net.py:small", image_size=32)


OWN = """
from pathlib import Path

import torch
from torch import nn


class Said(nn.Module):
    def forward(self, x):
        print("fed")
        return x


def trained():
    net = nn.Sequential(Said(), nn.Conv2d(3, 8, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    with torch.no_grad():
        net[-1].bias.copy_(torch.tensor([100.0, 200.0, 300.0, 400.0]))
    net[0].stride = int(Path(__file__).with_name("stride").read_text())
    net[-1].bias.data[0] += float(Path(__file__).with_name("bias").read_text())
    return net
"""


@pytest.fixture
def trained(tmp_path: Path) -> ModelSpec:
    """A network that a function returns with weights of its own, of which some stand in files beside it."""
    for name, content in {"own.py": OWN, "stride": "2", "bias": "0"}.items():
        (tmp_path / name).write_text(content)
    return models.find_model("own.py:trained", image_size=32)


def test_what_a_function_returns_is_exported_as_it_is(trained: ModelSpec, capfd: pytest.CaptureFixture[str]) -> None:
    made = obtain(trained, CONFIG)
    assert capfd.readouterr().out == ""  # it prints what it is fed
    assert (made.artifact.weights.source, str(made.artifact.weights)) == (
        WeightsSource.FUNCTION,
        "the function's own",
    )
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)
    session = onnxruntime.InferenceSession(made.path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x})
    with torch.inference_mode():
        expected = models.create_model("own.py:trained")(torch.from_numpy(x)).numpy()
    assert np.allclose(found, expected, rtol=1e-6)  # the biases are hundreds of times what the image adds to them
    assert np.allclose(found, [[100, 200, 300, 400]], atol=5)


def test_a_functions_weights_and_random_ones_are_two_files(trained: ModelSpec, cache: Path) -> None:
    filled = obtain(trained, CONFIG, checkpoint=RANDOM)
    assert str(filled.artifact.weights) == "random(seed 0)"
    assert is_cached(trained, CONFIG, checkpoint=RANDOM)
    assert not is_cached(trained, CONFIG)
    assert filled.path.is_relative_to(cache)


@pytest.mark.parametrize("name", ["bias", "stride"])
def test_what_a_function_reads_beside_it_is_part_of_the_key(name: str, trained: ModelSpec, tmp_path: Path) -> None:
    keys = []
    for content in ("2", "1"):
        (tmp_path / name).write_text(content)
        own._build.cache_clear()  # as in another process
        keys.append(exporters.making.key.artifact_key(trained, CONFIG, weights_identity(trained, 32, None)))
    assert len(set(keys)) == 2


def test_an_artifact_is_made_once(spec: ModelSpec) -> None:
    made, again = obtain(spec, CONFIG), obtain(spec, CONFIG)
    assert again.reused
    assert again.path == made.path
    assert again.artifact == made.artifact
    assert is_cached(spec, CONFIG)


def test_the_sidecar_says_what_the_file_is(spec: ModelSpec) -> None:
    made = obtain(spec, CONFIG)
    artifact = read_sidecar(made.path)
    assert artifact is not None
    assert artifact.sha256 == sha256_of(made.path)
    assert artifact.size_bytes == made.path.stat().st_size
    assert (artifact.model, artifact.form, artifact.opset, artifact.params) == (
        "efficientmod_xxs",
        "plain",
        20,
        4_736_264,
    )
    assert str(artifact.weights) == "random(seed 0)"
    assert artifact.preprocessing.mean == (0.485, 0.456, 0.406)
    assert artifact.parity is not None
    assert artifact.parity.relative_error < 1e-5
    assert artifact.parity.subnormals == Subnormals(weights={}, activations=0)
    assert {"torch", "onnx", "numpy", "effmod-bench"} <= artifact.versions.keys()
    assert artifact.macs < spec.macs  # of the image size that was exported


def test_other_options_give_another_file(spec: ModelSpec) -> None:
    others = [
        msgspec.structs.replace(CONFIG, image_size=64),
        msgspec.structs.replace(CONFIG, batch_size=2),
        msgspec.structs.replace(CONFIG, dynamic_batch=True),
        msgspec.structs.replace(CONFIG, opset=18),
    ]
    obtain(spec, CONFIG)
    assert not any(is_cached(spec, config) for config in others)
    assert not is_cached(models.find_model("efficientmod_xs"), CONFIG)


def test_a_network_that_rewrites_win_nothing_for_is_the_plain_file_to_the_byte() -> None:
    spec = models.find_model("mobilenetv2_100")
    plain, default = (
        obtain(spec, msgspec.structs.replace(CONFIG, rewrites=names)) for names in ((), AUTO[Format.ONNX])
    )
    assert default.path != plain.path
    assert default.path.name == "mobilenetv2_100-32px-unsimplified.onnx"
    assert default.path.read_bytes() == plain.path.read_bytes()
    assert default.artifact.form == "plain"
    assert default.artifact.config.rewrites == AUTO[Format.ONNX]  # what was asked
    assert {report.name: report.count for report in default.artifact.rewrites} == dict.fromkeys(AUTO[Format.ONNX], 0)


class Folding(nn.Module):
    """A network with a BatchNorm to fold, and where asked with a Linear on each pixel."""

    def __init__(self, *, linear: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)
        self.norm = nn.BatchNorm2d(16)
        self.linear = nn.Linear(16, 16) if linear else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        if self.linear:
            x = self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x.mean((2, 3))


@pytest.mark.parametrize(
    ("config", "linear", "is_rewritten"),
    [
        (OnnxConfig(image_size=32, rewrites=AUTO[Format.ONNX]), False, False),
        (OnnxConfig(image_size=32, rewrites=AUTO[Format.ONNX]), True, True),
        (OnnxConfig(image_size=32, rewrites=("batch_norm",)), False, True),  # the user named it
        (CoreMLConfig(image_size=32, rewrites=AUTO[Format.COREML]), False, True),
        (OnnxConfig(image_size=32), True, False),
    ],
)
def test_whether_a_network_is_rewritten_follows_from_its_graph(
    config: ExportConfig, linear: bool, is_rewritten: bool
) -> None:
    model = Folding(linear=linear).eval()
    exported, reference, reports = exporters.making.file._rewrite(model, config)
    assert (exported is not model) is is_rewritten
    assert reference is model
    assert any(report.count for report in reports) is is_rewritten


def test_a_network_left_plain_says_what_was_left_alone() -> None:
    config = OnnxConfig(image_size=32, rewrites=AUTO[Format.ONNX])
    reports = exporters.making.file._rewrite(Folding(linear=False).eval(), config)[2]
    assert {report.name: report.skipped for report in reports} == {
        "merge_heads": (),
        "batch_norm": ("all 1: the network is left plain",),
        "channels_first": (),
        "blocked_layout": (),
    }


def test_another_checkpoint_gives_another_file(spec: ModelSpec, tmp_path: Path) -> None:
    model = models.create_model(spec.name)
    models.fill(model, image_size=32, seed=7)
    torch.save(model.state_dict(), tmp_path / "seven.pth")
    obtain(spec, CONFIG)
    made = obtain(spec, CONFIG, checkpoint=tmp_path / "seven.pth")
    assert not made.reused
    assert made.artifact.weights.sha256 == sha256_of(tmp_path / "seven.pth")
    assert made.artifact.sha256 != obtain(spec, CONFIG).artifact.sha256
    assert obtain(spec, CONFIG, checkpoint=tmp_path / "seven.pth").reused


@pytest.mark.parametrize("damage", ["truncate", "flip", "sidecar", "missing"])
def test_a_damaged_artifact_is_made_again_and_that_is_said(damage: str, small: ModelSpec, cache: Path) -> None:
    path = obtain(small, CONFIG).path
    sidecar = path.with_name(path.name + ".json")
    content = path.read_bytes()
    match damage:
        case "truncate":
            path.write_bytes(content[:-1])
        case "flip":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "sidecar":
            sidecar.write_text("{")
        case "missing":
            sidecar.unlink()
    made = obtain(small, CONFIG)
    assert not made.reused
    assert made.note is not None
    assert "made again" in made.note
    assert sha256_of(made.path) == made.artifact.sha256
    assert made.path.is_relative_to(cache)


def test_a_failed_export_leaves_nothing_behind(spec: ModelSpec, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"no")
    with pytest.raises(CheckpointError):
        obtain(spec, CONFIG, checkpoint=tmp_path / "bad.pth")
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    with pytest.raises(CheckpointError, match="No such file"):
        obtain(spec, CONFIG, checkpoint=tmp_path / "missing.pth")


def test_an_image_size_is_checked_before_anything_is_built(spec: ModelSpec) -> None:
    with pytest.raises(ImageSizeError, match="efficientmod_xxs takes square images"):
        obtain(spec, OnnxConfig(image_size=1))


@needs_coremltools
def test_a_package_is_made_once_and_its_sidecar_says_what_it_is(spec: ModelSpec) -> None:
    made, again = obtain(spec, COREML), obtain(spec, COREML)
    assert again.reused
    assert again.artifact == made.artifact == read_sidecar(made.path)
    artifact = made.artifact
    assert made.path.name == "efficientmod_xxs-32px-plain.mlpackage"
    assert (artifact.format, artifact.config, artifact.specification_version) == ("coreml", COREML, 7)
    assert (artifact.opset, artifact.simplified, artifact.rewrites) == (None, None, ())
    assert artifact.sha256 == package_sha256(made.path)
    assert artifact.size_bytes == sum(file.stat().st_size for file in made.path.rglob("*") if file.is_file())
    assert (artifact.inputs[0].dtype, artifact.outputs[0].shape) == ("image", (1, 1000))
    assert {"torch", "coremltools", "effmod-bench"} <= artifact.versions.keys()
    assert not {"onnx", "onnxsim"} & artifact.versions.keys()


@needs_coremltools
def test_the_proof_of_a_package_goes_into_the_sidecar(spec: ModelSpec) -> None:
    parity = obtain(spec, COREML).artifact.parity
    assert parity.relative_error < 5e-3  # float16
    assert parity.float32_relative_error is not None
    assert parity.float32_relative_error < 5e-3
    assert parity.inputs == 8
    assert parity.subnormals is not None
    # float16's own: weights below 6.1e-5. In float32 nothing of it is subnormal.
    assert parity.subnormals.weights.keys() == {"float16"}
    assert (parity.subnormals.slow_weights, parity.subnormals.activations) == (0, 0)


@needs_coremltools
@pytest.mark.parametrize(
    "changes",
    [
        {"compute_precision": ComputePrecision.FLOAT32, "input": InputKind.TENSOR},
        {"batch_size": 2, "input": InputKind.TENSOR},
        {"softmax": True, "labels": tuple(f"class {i}" for i in range(1000))},
    ],
)
def test_packages_of_every_kind_are_proved(changes: dict[str, Any], spec: ModelSpec) -> None:
    config = msgspec.structs.replace(COREML, **changes)
    parity = obtain(spec, config).artifact.parity
    assert parity.relative_error < (1e-5 if config.compute_precision is ComputePrecision.FLOAT32 else 1e-2)


@needs_coremltools
def test_a_compressed_package_has_its_error_and_no_tolerance(spec: ModelSpec) -> None:
    parity = obtain(spec, msgspec.structs.replace(COREML, compress=Compression.INT8)).artifact.parity
    assert parity.tolerance is None
    assert parity.relative_error > 1e-3


@needs_coremltools
def test_a_package_that_is_further_off_than_is_allowed_is_not_kept(
    small: ModelSpec, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(exporters.proof.parity.TOLERANCES, ComputePrecision.FLOAT16, 1e-9)
    said = r"is too coarse for the network: .* The first operator that departs is \w+ '.+', by .* was not kept\."
    with pytest.raises(ParityError, match=said):
        obtain(small, COREML)
    assert not list(cache.rglob("*.mlpackage"))


@needs_coremltools
@pytest.mark.parametrize("damage", ["flip", "manifest", "missing"])
def test_a_damaged_package_is_made_again(damage: str, small: ModelSpec, cache: Path) -> None:
    path = obtain(small, COREML).path
    weights = next(path.rglob("weight.bin"))
    match damage:
        case "flip":
            content = weights.read_bytes()
            weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "manifest":
            (path / "Manifest.json").write_text("{}")
        case "missing":
            shutil.rmtree(path)
    made = obtain(small, COREML)
    assert made.note is not None
    assert package_sha256(made.path) == made.artifact.sha256
    assert made.path.is_relative_to(cache)


def test_a_missing_converter_is_said_before_a_network_is_built(
    spec: ModelSpec, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr("exporters.making.file.create", None)  # not reached
    with pytest.raises(FormatUnavailableError, match="--format onnx"):
        obtain(spec, COREML)
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_an_exact_rewriting_is_compared_with_the_network_that_it_came_from() -> None:
    made = obtain(models.find_model("efficientmod_xxs"), REWRITTEN)
    artifact = made.artifact
    assert artifact.form == "rewritten"
    assert made.path.name == "efficientmod_xxs-32px-unsimplified.onnx"
    assert {report.name: report.count for report in artifact.rewrites}["channels_first"] > 0
    assert artifact.parity.relative_error < 1e-5


def test_branches_that_the_zoo_merged_are_listed_whatever_is_asked() -> None:
    artifact = obtain(models.find_model("mobileone_s1"), OnnxConfig(image_size=64, simplify=False)).artifact
    (report,) = artifact.rewrites
    assert (report.name, report.equivalence, report.count) == ("reparameterization", "exact", 99)
    assert artifact.form == "plain"


def test_retraining_rewrites_refuse_a_checkpoint(tmp_path: Path) -> None:
    spec = models.find_model("efficientmod_xxs")
    torch.save(models.create_model(spec.name).state_dict(), tmp_path / "x.pth")
    config = msgspec.structs.replace(REWRITTEN, rewrites=RETRAIN)
    told = r"not a fold: .* and .*x\.pth is not of that network. 'effmod train efficientmod_xxs_bn --teacher "
    with pytest.raises(RewriteError, match=told + r"efficientmod_xxs=.*x\.pth"):
        obtain(spec, config, checkpoint=tmp_path / "x.pth")


LN_TO_BN = msgspec.structs.replace(CONFIG, image_size=32, rewrites=("layer_norm_to_batch_norm", "batch_norm"))


def trained_as_batch_normed(spec: ModelSpec, path: Path, **identity: Any) -> nn.Module:
    """Write a checkpoint as `effmod train` does after LN -> BN, and return the network, whose BatchNorms saw images."""
    network = batch_normed(models.create_model(spec.name), 32)
    models.fill(network, image_size=32, seed=5)
    own = msgspec.structs.replace(Identity(name=spec.name, num_classes=10, image_size=32, rewrites=RETRAIN), **identity)
    torch.save({"identity": msgspec.to_builtins(own), "state_dict": network.state_dict()}, path)
    return network


@pytest.fixture
def of_layer_norms() -> ModelSpec:
    return models.find_model("efficientmod_xxs(depths=(1, 1), dims=(8, 16), attention_depths=(0, 1), num_classes=10)")


def test_retraining_rewrites_take_what_was_trained_behind_them(of_layer_norms: ModelSpec, tmp_path: Path) -> None:
    network = trained_as_batch_normed(of_layer_norms, tmp_path / "bn.pth")
    made = obtain(of_layer_norms, LN_TO_BN, checkpoint=tmp_path / "bn.pth")
    assert made.artifact.form == "layer_norm_to_batch_norm+batch_norm"
    assert [(report.name, report.count) for report in made.artifact.rewrites] == [(RETRAIN[0], 7), ("batch_norm", 0)]
    assert made.artifact.weights.file == "bn.pth"
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(made.path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        assert np.allclose(session.run(None, {"input": x.numpy()})[0], network(x), rtol=1e-4, atol=1e-4)
    kinds = {node.op_type for node in onnx.load(made.path).graph.node}
    assert not {kind for kind in kinds if "Normalization" in kind}


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        ({"name": "efficientmod_xs"}, "was trained as efficientmod_xs behind layer_norm_to_batch_norm, not as effi"),
        ({"rewrites": ()}, r"is not a fold: .*'effmod train 'efficientmod_xxs_bn\(.*dims=\(8, 16\)\)' --teacher 'eff"),
        (
            {"name": "efficientmod_xxs_bn(attention_depths=(0, 1), depths=(1, 1), dims=(8, 16))", "rewrites": ()},
            r"trained as efficientmod_xxs_bn\(.*\), which has BatchNorms by itself: name that network",
        ),
    ],
)
def test_but_nothing_that_was_trained_otherwise(
    identity: dict[str, Any], told: str, of_layer_norms: ModelSpec, tmp_path: Path
) -> None:
    trained_as_batch_normed(of_layer_norms, tmp_path / "bn.pth", **identity)
    with pytest.raises(RewriteError, match=told):
        obtain(of_layer_norms, LN_TO_BN, checkpoint=tmp_path / "bn.pth")


def test_what_was_trained_behind_them_is_refused_without(of_layer_norms: ModelSpec, tmp_path: Path) -> None:
    trained_as_batch_normed(of_layer_norms, tmp_path / "bn.pth")
    told = r"behind layer_norm_to_batch_norm, which is another network: 'effmod export 'efficientmod_xxs\(.*"
    told += r"dims=\(8, 16\)\)' --rewrite layer_norm_to_batch_norm,batch_norm --checkpoint "
    told += r"\S*bn\.pth --image-size \d+' makes its file"
    with pytest.raises(CheckpointError, match=told):
        obtain(of_layer_norms, msgspec.structs.replace(LN_TO_BN, rewrites=()), checkpoint=tmp_path / "bn.pth")


def test_retraining_rewrites_refuse_what_a_function_returns(trained: ModelSpec) -> None:
    config = msgspec.structs.replace(REWRITTEN, rewrites=RETRAIN)
    with pytest.raises(RewriteError, match=r"what own\.py:trained returns is not of .* alone, --weights random"):
        obtain(trained, config)
    exporters.making.file._check_retrain(trained, config, RANDOM)


HEADS = """
from torch import nn

class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 8, 3, 2), nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        scores = self.head(x.mean((2, 3)))
        return {"scores": scores, "maps": [x], "anchors": self.head.weight + 0 * scores.mean()}

def heads():
    return Heads()
"""


@pytest.mark.parametrize(
    "config",
    [
        msgspec.structs.replace(CONFIG, rewrites=AUTO[Format.ONNX]),
        pytest.param(msgspec.structs.replace(COREML, input=InputKind.TENSOR), marks=needs_coremltools),
    ],
    ids=["onnx", "coreml"],
)
def test_a_network_of_one_channel_and_several_outputs_is_a_file_of_its_own_names(
    config: ExportConfig, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(HEADS)
    spec = models.find_model("net.py:heads", image_size=32)
    assert spec.preprocessing.channels == 1
    made = obtain(spec, config)
    assert made.artifact.is_plain
    assert [tensor.shape for tensor in made.artifact.inputs] == [(1, 1, 32, 32)]
    assert [(tensor.name, tensor.shape) for tensor in made.artifact.outputs] == [
        ("scores", (1, 10)),
        ("maps_0", (1, 8, 15, 15)),
        ("anchors", (10, 8)),
    ]
    assert set(made.artifact.modules) <= {"", "stem", "head"}  # its own, not those of what puts its outputs in a row
    assert "stem" in made.artifact.modules
    assert made.artifact.parity.still_outputs == ("anchors",)
    assert made.note is not None
    assert "'anchors' of its outputs hardly moves from image to image" in made.note
    assert made.artifact.parity.relative_error < 1e-2


HALF = """
import torch
import torch.nn.functional as F
from torch import nn

class Half(nn.Conv2d):
    def forward(self, x):
        return super().forward(x.to(self.weight.dtype)).mean((2, 3)).float()

class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(4, 3, dtype=torch.float16))

    def forward(self, x):
        return F.linear(x.mean((2, 3)).half(), self.weight).float()

class Autocast(nn.Conv2d):
    def forward(self, x):
        with torch.autocast("cpu", torch.float16):
            return super().forward(x).mean((2, 3)).float()

def half():
    return Half(3, 4, 8, 8).half()

def buffer():
    return Buffer()

def autocast():
    return Autocast(3, 4, 8, 8)
"""


@pytest.mark.parametrize("config", [CONFIG, pytest.param(COREML, marks=needs_coremltools)], ids=["onnx", "coreml"])
@pytest.mark.parametrize("name", ["half", "buffer", "autocast"])
def test_a_network_that_computes_in_half_precision_is_refused_for_that_rewritten_or_not(
    name: str, config: ExportConfig, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(HALF)
    said = rf"^net\.py:{name} computes in float16, .* with \.float\(\) .*; --compute-precision float16 rounds its file$"
    for rewrites in ((), AUTO[config.format]):
        with pytest.raises(ExportError, match=said):
            obtain(
                models.find_model(f"net.py:{name}", image_size=32), msgspec.structs.replace(config, rewrites=rewrites)
            )


@needs_coremltools
def test_an_image_of_one_channel_is_none_that_a_package_takes(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(HEADS)
    with pytest.raises(ExportError, match=r"other channels than RGB \(1\).*give --input tensor"):
        obtain(models.find_model("net.py:heads", image_size=32), COREML)
