import pytest

from exporters import ComputePrecision, CoreMLConfig, Format, OnnxConfig
from exporters.artifact.names import form_of
from exporters.config import ExportConfig
from exporters.rewrites import AUTO

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
