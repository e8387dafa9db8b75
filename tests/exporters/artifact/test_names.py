import hashlib

import pytest

from exporters import ComputePrecision, CoreMLConfig, Format, OnnxConfig
from exporters.artifact.names import fast_on, form_of, name_parts, public_name
from exporters.config import ExportConfig
from exporters.rewrites import AUTO

QUOTED = "(dims=(96,), of='a/b')"
ONNX_REWRITES, COREML_REWRITES = AUTO[Format.ONNX], AUTO[Format.COREML]


@pytest.mark.parametrize(
    ("config", "form"),
    [
        (OnnxConfig(image_size=64), "plain"),
        (OnnxConfig(image_size=64, compute_precision=ComputePrecision.FLOAT16), "plain+float16"),
        (CoreMLConfig(image_size=64, rewrites=COREML_REWRITES), "rewritten"),
        (CoreMLConfig(image_size=64, rewrites=("batch_norm",)), "batch_norm"),
        (CoreMLConfig(image_size=64, compute_precision=ComputePrecision.FLOAT32), "plain+float32"),
    ],
)
def test_a_form_says_what_is_not_the_formats_own_arithmetic(config: ExportConfig, form: str) -> None:
    assert form_of(config, rewritten=bool(config.rewrites)) == form


def test_a_form_is_plain_where_the_rewrites_asked_for_were_not_applied() -> None:
    config = OnnxConfig(image_size=64, compute_precision=ComputePrecision.FLOAT16, rewrites=ONNX_REWRITES)
    assert form_of(config, rewritten=True) == "rewritten+float16"
    assert form_of(config, rewritten=False) == "plain+float16"


@pytest.mark.parametrize(
    ("config", "rewritten", "fast"),
    [
        (OnnxConfig(image_size=64, rewrites=ONNX_REWRITES), True, ["onnxruntime"]),
        (OnnxConfig(image_size=64, rewrites=ONNX_REWRITES), False, ["onnxruntime", "openvino"]),
        (OnnxConfig(image_size=64), False, ["openvino"]),
        (OnnxConfig(image_size=64, rewrites=("batch_norm",)), True, []),
        (OnnxConfig(image_size=64, dynamic_batch=True), False, []),
        (OnnxConfig(image_size=64, simplify=False), False, []),
        (OnnxConfig(image_size=64, rewrites=ONNX_REWRITES, opset=18), True, []),
        (OnnxConfig(image_size=64, compute_precision=ComputePrecision.FLOAT16), False, []),
        (CoreMLConfig(image_size=64), False, []),
    ],
)
def test_a_form_is_fast_where_that_was_seen(config: ExportConfig, fast: list[str], *, rewritten: bool) -> None:
    assert list(fast_on(config, rewritten=rewritten)) == fast


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("efficientmod_xxs", "efficientmod_xxs"),
        ("some (1)/my net.py:net", "my-net.py-net"),
        ("some (1)/net.py:net(depth=2, width=0.5)", "net.py-net-depth=2,width=0.5"),
        (
            "iso(dims=(96,), of='a/b')",
            "iso-dims=96,of=a-b-" + hashlib.sha256(b"(dims=(96,), of='a/b')").hexdigest()[:7],
        ),
    ],
)
def test_arguments_are_in_a_files_name(model: str, name: str) -> None:
    assert name_parts(model, 224, 224) == name_parts(public_name(model), 224, 224)
    assert "-".join(name_parts(model, 224, 224)) == name


def test_other_arguments_are_another_files_name() -> None:
    values = ("4", "-4", "'4'", "(4,)", "[4]", "4.0", "'x'", "'X'", f"'{'x' * 90}'", f"'{'x' * 91}'", "{'a': 4}")
    names = {"-".join(name_parts(f"net(width={value})", 32, 224)) for value in values}
    assert len(names) == len(values)
    assert all(len(name) < 128 for name in names)


def test_a_networks_name_keeps_its_arguments_and_loses_its_folder() -> None:
    assert public_name("some (1)/net.py:net(of='a/b')") == "net.py:net(of='a/b')"
    assert public_name("net(of='a/b')") == "net(of='a/b')"
