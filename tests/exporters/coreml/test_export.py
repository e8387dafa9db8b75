import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import exporters.coreml.export
import models
from exporters import (
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    ExportError,
    InputKind,
    OutputError,
    Parity,
    ParityError,
    package_sha256,
)
from exporters.artifact.evaluator import Origin
from exporters.coreml.package import read_specification, read_tensors
from models import Preprocessing
from tests.exporters.coreml.support import METADATA, constant, operators, write
from tests.exporters.support import Small

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)

PARITY = Parity(
    inputs=8, max_abs_error=0.0, relative_error=0.0, cosine=1.0, top1_agreement=1.0, output_change=1.0, tolerance=1e-5
)
FLOAT32 = ComputePrecision.FLOAT32


def test_the_package_takes_an_image_and_gives_logits(made: Path) -> None:
    inputs, outputs = read_tensors(made)
    assert [(x.name, x.shape, x.dtype) for x in inputs] == [("input", (1, 3, 32, 32), "image")]
    assert [(x.name, x.shape, x.dtype) for x in outputs] == [("logits", (1, 10), "float32")]
    (feature,) = read_specification(made).description.input
    assert feature.type.imageType.colorSpace == feature.type.imageType.RGB
    assert [entry.name for entry in made.parent.iterdir()] == ["x.mlpackage"]
    assert sorted(entry.name for entry in made.iterdir()) == ["Data", "Manifest.json"]


def test_a_tensor_input_is_float32_and_not_normalized_again(small: nn.Module, tmp_path: Path) -> None:
    path = write(small, tmp_path / "x.mlpackage", input=InputKind.TENSOR, batch_size=2, compute_precision=FLOAT32)
    ((tensor,), (output,)) = read_tensors(path)
    assert (tensor.name, tensor.shape, tensor.dtype) == ("input", (2, 3, 32, 32), "float32")
    assert output.shape == (2, 10)
    assert "mul" not in [operator.type for operator in operators(path)]


def test_the_networks_own_normalization_is_in_the_package_exactly(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "x.mlpackage"
    own = Preprocessing(mean=(0.5, 0.25, 0.125), std=(0.1, 0.2, 0.3))
    config = CoreMLConfig(image_size=32, compute_precision=FLOAT32)
    exporters.coreml.export.export(small, path, config, own, METADATA)
    sub, mul = (operator for operator in operators(path) if operator.type in ("sub", "mul"))
    mean, std = np.array(own.mean), np.array(own.std)
    np.testing.assert_array_equal(constant(path, mul, "y"), (1 / (255 * std)).astype(np.float32))
    np.testing.assert_array_equal(constant(path, sub, "y"), (255 * mean).astype(np.float32))


@pytest.mark.parametrize(("target", "version"), list(zip(DeploymentTarget, (6, 7, 8, 9), strict=True)))
def test_each_target_has_its_specification_version(
    target: DeploymentTarget, version: int, small: nn.Module, tmp_path: Path
) -> None:
    specification = read_specification(write(small, tmp_path / "x.mlpackage", target=target))
    assert specification.specificationVersion == version
    assert specification.WhichOneof("Type") == "mlProgram"


@pytest.mark.parametrize("precision", ComputePrecision)
def test_the_precision_is_that_of_the_convolution(
    precision: ComputePrecision, small: nn.Module, tmp_path: Path
) -> None:
    path = write(small, tmp_path / "x.mlpackage", compute_precision=precision)
    (conv,) = [operator for operator in operators(path) if operator.type == "conv"]
    dtype = conv.outputs[0].type.tensorType.dataType
    assert (
        type(conv.outputs[0].type.tensorType)
        .DESCRIPTOR.fields_by_name["dataType"]
        .enum_type.values_by_number[dtype]
        .name
        == precision.upper()
    )


def test_a_classifier_holds_its_labels_in_order(small: nn.Module, tmp_path: Path) -> None:
    labels = tuple("abcdefghij")
    path = write(small, tmp_path / "x.mlpackage", labels=labels, softmax=True)
    description = read_specification(path).description
    assert (description.predictedFeatureName, description.predictedProbabilitiesName) == ("classLabel", "probabilities")
    _, outputs = read_tensors(path)
    assert {x.name: x.dtype for x in outputs} == {"classLabel": "string", "probabilities": "dictionary"}
    (classify,) = [operator for operator in operators(path) if operator.type == "classify"]
    assert classify.outputs[1].name == "probabilities"
    assert "softmax" in [operator.type for operator in operators(path)]
    values = classify.inputs["classes"].arguments[0].value.immediateValue.list.values
    assert tuple(value.immediateValue.tensor.strings.values[0] for value in values) == labels


def test_as_many_labels_as_classes(small: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="there are 2 labels, and small tells 10 classes apart"):
        write(small, tmp_path / "x.mlpackage", labels=("cat", "dog"))
    assert not list(tmp_path.iterdir())


def test_metadata_says_what_it_is(package: Path) -> None:
    metadata = read_specification(package).description.metadata
    said = metadata.userDefined
    assert metadata.author == "A paper"
    assert metadata.shortDescription.startswith("small")
    assert (said["effmod.network"], said["effmod.weights"]) == ("small", "random(seed 0)")
    assert (said["effmod.rewrites"], said["effmod.versions"]) == ("fold_norm", "torch 2")
    assert (said["effmod.compute_units"], said["effmod.target"]) == ("all", "iOS16")
    assert said["com.github.apple.coremltools.version"].startswith("9.")


class Wide(Small):
    """Weights enough that compressing them is worth it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 128, 3, stride=4)
        self.head = nn.Linear(128, 10)


def test_weights_of_8_bits_take_less_room(tmp_path: Path) -> None:
    model = Wide().eval()
    whole, small = (
        write(model, tmp_path / f"{compress}.mlpackage", compress=compress)
        for compress in (Compression.NONE, Compression.INT8)
    )
    weights = [next(path.rglob("weight.bin")).stat().st_size for path in (whole, small)]
    assert weights[1] < 0.75 * weights[0]
    assert "constexpr_affine_dequantize" in [operator.type for operator in operators(small)]


def test_a_palette_stores_six_bits_a_weight(tmp_path: Path) -> None:
    sizes = {}
    for compress in (Compression.NONE, Compression.PALETTE6):
        path = write(Wide().eval(), tmp_path / f"{compress}.mlpackage", compress=compress)
        sizes[compress] = next(path.rglob("weight.bin")).stat().st_size
    assert "constexpr_lut_to_dense" in [operator.type for operator in operators(path)]
    # 6 bits instead of 16 for the 128 x 27 weights of the convolution, and a table; the head is too small for it.
    assert sizes[Compression.NONE] - sizes[Compression.PALETTE6] == pytest.approx(128 * 27 * 10 / 8, rel=0.1)


def test_an_output_that_is_not_of_classes_is_none_of_a_classifier(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"gives \(1, 3, 32, 32\), where \(N, classes\) is expected"):
        write(nn.Identity().eval(), tmp_path / "x.mlpackage", softmax=True)


def test_a_size_that_the_network_does_not_run_on_says_so(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="small does not run"):
        write(nn.Conv2d(3, 8, 64), tmp_path / "x.mlpackage")


def test_an_older_package_is_replaced_whole(small: nn.Module, package: Path, tmp_path: Path) -> None:
    (package / "Data" / "stale").write_text("of another export")
    write(small, package, softmax=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.mlpackage"]
    assert not (package / "Data" / "stale").exists()
    assert read_tensors(package)[1][0].name == "probabilities"


def test_a_full_disk_leaves_the_older_package(
    small: nn.Module, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = package_sha256(package)

    def full(_: Any, target: str) -> None:
        Path(target).mkdir()
        (Path(target) / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        write(small, package, softmax=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.mlpackage"]
    assert package_sha256(package) == before


def test_the_proof_sees_the_saved_package_and_is_handed_back(small: nn.Module, tmp_path: Path) -> None:
    seen = []

    def measure(
        model: nn.Module, path: Path, config: CoreMLConfig, preprocessing: Preprocessing, origin: Origin
    ) -> Parity:
        assert origin.program is not None
        seen.append((model, path.suffix, read_tensors(path)[1][0].name, config.image_size, preprocessing))
        return PARITY

    config = CoreMLConfig(image_size=32)
    path = tmp_path / "x.mlpackage"
    found, _ = exporters.coreml.export.export(small, path, config, Preprocessing(), METADATA, measure_parity=measure)
    assert found == PARITY
    assert seen == [(small, ".mlpackage", "logits", 32, Preprocessing())]
    assert exporters.coreml.export.export(small, path, config, Preprocessing(), METADATA)[0] is None


def test_a_package_that_fails_the_proof_is_not_kept(small: nn.Module, tmp_path: Path) -> None:
    def measure(*_: Any) -> Parity:
        raise ParityError("it computes something else")

    config = CoreMLConfig(image_size=32)
    with pytest.raises(ParityError):
        exporters.coreml.export.export(
            small, tmp_path / "x.mlpackage", config, Preprocessing(), METADATA, measure_parity=measure
        )
    assert not list(tmp_path.iterdir())


def test_nothing_is_said_on_the_way(tmp_path: Path) -> None:
    # In a process of its own: coremltools speaks when it is first imported, compiled parts included.
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from tests.exporters.coreml.support import write\n"
        "from tests.exporters.support import Small\n"
        "write(Small().eval(), Path(sys.argv[2]))\n"
        "print('done')\n"
    )
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", program, str(root), str(tmp_path / "x.mlpackage")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_efficientmod_converts(tmp_path: Path) -> None:
    spec = models.find_model("efficientmod_xxs")
    model, _ = models.create_filled(spec, image_size=64)
    path = tmp_path / "x.mlpackage"
    exporters.coreml.export.export(model, path, CoreMLConfig(image_size=64), spec.preprocessing, METADATA)
    kinds = [operator.type for operator in operators(path)]
    assert kinds.count("layer_norm") == 23
    assert kinds.count("batch_norm") == 0
    assert read_tensors(path)[1][0].shape == (1, 1000)


class Twice(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = x.mean((2, 3))
        return x, 2 * x, x


def test_a_tensor_that_is_given_twice_is_refused_by_its_names(tmp_path: Path) -> None:
    path, config = tmp_path / "x.mlpackage", CoreMLConfig(image_size=32)
    with pytest.raises(ExportError, match=r"gives one tensor twice, as 'a' and 'c'.*return it once"):
        exporters.coreml.export.export(Twice().eval(), path, config, Preprocessing(), METADATA, outputs=("a", "b", "c"))
