from pathlib import Path

import pytest

from effmod_bench.screen.verified import Verified, verified_table, verified_title
from exporters import ActivationRange, ComputePrecision, Parity
from models import find_model


def parity(relative_error: float, tolerance: float | None) -> Parity:
    return Parity(
        inputs=3,
        max_abs_error=1e-5,
        relative_error=relative_error,
        cosine=1.0,
        top1_agreement=1.0,
        output_change=0.1,
        tolerance=tolerance,
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (parity(1e-4, 1e-4), "equal"),
        (parity(2e-4, 1e-4), "not equal"),
        (parity(0.1, None), "not meant to be equal"),
        (None, ""),
    ],
)
def test_a_verdict_follows_from_the_error_and_what_is_allowed(found: Parity | None, verdict: str) -> None:
    row = Verified(precision=ComputePrecision.FLOAT32, parity=found, accuracy=None)
    table = verified_table("a file", [row], None)
    shown = {column.key: column.text(row) for column in table.columns}
    assert shown["verdict"] == verdict
    assert shown["top1"] == ""


def test_the_first_operator_that_float16_does_not_hold_is_named() -> None:
    seen = ActivationRange(operator="big", kind="Mul", largest=70_000.0, overflow="first", overflow_kind="Add")
    *_, note = verified_table("a file", [], seen).notes
    assert "largest activation: 7e+04, of Mul 'big'; float16 holds 65504, and Add 'first' is the first" in note


def test_a_file_without_a_sidecar_is_titled_by_what_it_is_compared_with() -> None:
    assert (
        verified_title(Path("out/x.onnx"), None, find_model("efficientmod_xxs")) == "x.onnx, against efficientmod_xxs"
    )
    assert verified_title(Path("out/x.onnx"), None, None) == "x.onnx"
