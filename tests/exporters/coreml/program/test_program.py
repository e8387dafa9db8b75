import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exporters import ArtifactError
from exporters.config import ComputePrecision
from exporters.coreml.program.program import load_program
from exporters.coreml.program.reader import UnknownOperatorError
from tests.exporters.coreml.program.support import (
    Net,
    build,
    convert,
    no_warnings,
    numbers,
    run,
    run_all,
    specification,
)

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("target", ["iOS15", "iOS16", "iOS17", "iOS18"])
def test_every_target_and_precision_is_read(target: str, precision: str, tmp_path: Path) -> None:
    model = Net().eval()
    convert(model, tmp_path / "n.mlpackage", size=16, precision=precision, target=target)
    program = load_program(tmp_path / "n.mlpackage")
    assert program.precision == precision
    assert program.operators()["conv"] == 1
    assert "const" not in program.operators()
    x = numbers(1, 3, 16, 16)
    expected = model(torch.from_numpy(x)).detach().numpy()
    tolerance = {"float32": 1e-6, "float16": 2e-3}[precision] * np.abs(expected).max()
    np.testing.assert_allclose(run(program, x, precision=program.precision), expected, rtol=0, atol=tolerance)


def test_float16_rounds_after_each_operator(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.exp(x=mb.mul(x=x, y=0.3))

    program = build(tmp_path / "p.mlpackage", body, (64,), precision="float16")
    assert program.precision is ComputePrecision.FLOAT16
    x = numbers(64)
    third = np.float32(np.float16(0.3))
    half = (x.astype(np.float16).astype(np.float32) * third).astype(np.float16).astype(np.float32)
    expected = torch.from_numpy(half).exp().numpy().astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(run(program, x, precision=ComputePrecision.FLOAT16), expected)
    np.testing.assert_allclose(run(program, x, precision=ComputePrecision.FLOAT32), np.exp(x * third), rtol=1e-6)


def test_the_first_operator_that_float16_cannot_hold_is_named(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        large = mb.mul(x=x, y=300.0, name="large")
        beyond = mb.mul(x=large, y=300.0, name="beyond")
        return mb.mul(x=mb.mul(x=beyond, y=2.0, name="further"), y=1e-5, name="back")

    program = build(tmp_path / "p.mlpackage", body, (4,))
    _, found = program.run_observed({program.input_names[0]: np.array([0, 1, -2, 1], np.float32)})
    assert (found.overflow, found.overflow_kind) == ("beyond", "mul")
    assert (found.operator, found.largest) == ("further", 360000)
    _, found = program.run_observed({program.input_names[0]: np.array([0, 0.1, -0.2, 0], np.float32)})
    assert found.overflow is None
    assert found.largest == pytest.approx(36000)


def test_float16_overflows_to_infinity(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.exp(x=mb.abs(x=x))

    program = build(tmp_path / "p.mlpackage", body, (2,), precision="float16")
    x = np.array([1, 12], np.float32)
    assert np.isinf(run(program, x, precision=ComputePrecision.FLOAT16)).tolist() == [False, True]
    assert np.isfinite(run(program, x, precision=ComputePrecision.FLOAT32)).all()


@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_an_image_goes_in_as_pixels(colour: str, tmp_path: Path) -> None:
    class Means(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    options = {"scale": 1 / 127.5, "bias": [-1.0, -0.5, 0.0], "color_layout": colour}
    convert(Means().eval(), tmp_path / "m.mlpackage", size=16, image=options)
    program = load_program(tmp_path / "m.mlpackage")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), np.uint8)
    channels = pixels if colour == "RGB" else pixels[:, ::-1]
    expected = channels.mean((2, 3)) / 127.5 + np.array([-1.0, -0.5, 0.0])
    np.testing.assert_allclose(run(program, pixels), expected, atol=1e-5)
    with pytest.raises(ValueError, match="whole values in"):
        run(program, pixels / 255)


def test_a_classifier_gives_its_label_and_all_scores(tmp_path: Path) -> None:
    with no_warnings():
        import coremltools as ct

        labels = [f"class {i}" for i in range(32)]
        config = ct.ClassifierConfig(labels)
    model = Net().eval()
    convert(model, tmp_path / "c.mlpackage", size=16, classifier_config=config)
    program = load_program(tmp_path / "c.mlpackage")
    x = numbers(1, 3, 16, 16)
    label, scores = run_all(program, x)
    expected = model(torch.from_numpy(x)).detach().numpy()[0]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert str(label) == labels[expected.argmax()]


def test_all_unknown_operators_are_named(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.band_part(x=mb.sinh(x=mb.sinh(x=x)))

    with pytest.raises(
        UnknownOperatorError, match=r"^p\.mlpackage uses .*: band_part \(1\), sinh \(2\); --format onnx"
    ):
        build(tmp_path / "p.mlpackage", body, (3, 4))


def test_an_unknown_parameter_is_not_ignored(package: Path) -> None:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(specification(package).read_bytes())
    main = spec.mlProgram.functions["main"]
    gelu = next(o for o in main.block_specializations[main.opset].operations if o.type == "gelu")
    gelu.inputs["sharpness"].CopyFrom(gelu.inputs["x"])
    specification(package).write_bytes(spec.SerializeToString())
    with pytest.raises(UnknownOperatorError, match=r"gelu\(sharpness=\) \(1\)"):
        load_program(package)


def test_a_shape_that_the_program_does_not_say_is_an_error(package: Path) -> None:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(specification(package).read_bytes())
    main = spec.mlProgram.functions["main"]
    conv = next(o for o in main.block_specializations[main.opset].operations if o.type == "conv")
    conv.outputs[0].type.tensorType.dimensions[3].constant.size += 1
    specification(package).write_bytes(spec.SerializeToString())
    with pytest.raises(ArtifactError, match=r"conv '.*' gives \(1, 16, 7, 7\), where the program says \(1, 16, 7, 8\)"):
        run(load_program(package), numbers(1, 3, 16, 16))


def test_inputs_must_be_the_programs_own(net_package: Path) -> None:
    program = load_program(net_package)
    with pytest.raises(ValueError, match="takes input, not image"):
        program.run({"image": numbers(1, 3, 16, 16)}, precision=ComputePrecision.FLOAT32)
    with pytest.raises(ValueError, match=r"input 'input' of net\.mlpackage is \(1, 3, 16, 16\), not \(1, 3, 8, 8\)"):
        run(program, numbers(1, 3, 8, 8))


def test_loading_says_nothing(net_package: Path) -> None:
    code = f"import pathlib, exporters.coreml.program.program as m; m.load_program(pathlib.Path({str(net_package)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
