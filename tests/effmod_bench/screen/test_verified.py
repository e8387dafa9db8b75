from pathlib import Path

import msgspec
import pytest

from effmod_bench.screen.verified import (
    Verified,
    changed_top1,
    noise_in_words,
    rounding_in_words,
    subnormal,
    verified_table,
    verified_title,
    worse,
)
from exporters import ActivationRange, ComputePrecision, Parity, Rounding, Subnormals
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
        (msgspec.structs.replace(parity(2e-4, 2e-3), noise=2e-4, unsteady_inputs=2), "equal"),
        (msgspec.structs.replace(parity(1e-6, 1e-4), noise=1e-6, unsteady_inputs=3), "undecided"),
        (msgspec.structs.replace(parity(1e-1, 1e-4), noise=1e-1, inputs=0, unsteady_inputs=8), "undecided"),
    ],
)
def test_a_verdict_follows_from_the_error_and_what_is_allowed(found: Parity | None, verdict: str) -> None:
    row = Verified(precision=ComputePrecision.FLOAT32, parity=found, accuracy=None)
    table = verified_table("a file", [row], None)
    shown = {column.key: column.text(row) for column in table.columns}
    assert shown["verdict"] == verdict
    assert shown["top1"] == ""


def taken_apart(program: float | None, rounded: float | None) -> Rounding:
    return Rounding(
        program_relative_error=program, rounded_relative_error=rounded, arithmetic_relative_error=2e-3, tolerance=1e-4
    )


@pytest.mark.parametrize(
    ("rounding", "verdict"),
    [
        (taken_apart(1e-6, 1e-6), "equal"),
        (taken_apart(None, None), "equal"),
        (taken_apart(2e-4, 1e-6), "not equal"),
        (taken_apart(1e-6, float("nan")), "not equal"),
    ],
)
def test_what_rounding_hides_is_not_equal(rounding: Rounding, verdict: str) -> None:
    found = msgspec.structs.replace(parity(1e-3, 5e-2), rounding=rounding)
    row = Verified(precision=ComputePrecision.FLOAT16, parity=found, accuracy=None)
    table = verified_table("a file", [row], None)
    assert {column.key: column.text(row) for column in table.columns}["verdict"] == verdict
    assert rounding_in_words(rounding) in table.notes


def test_the_error_of_float16s_arithmetic_is_told_apart() -> None:
    assert rounding_in_words(taken_apart(None, None)) == "float16's arithmetic alone: 2.0e-03"
    said = rounding_in_words(taken_apart(1e-6, 2e-7))
    assert said.startswith("the program before it was rounded: 1.0e-06 from the network; the file in float32: 2.0e-07 ")
    assert said.endswith("each may be 1e-04. float16's arithmetic alone: 2.0e-03")


def test_images_that_are_taken_for_something_else_are_counted() -> None:
    found = msgspec.structs.replace(parity(1e-3, 5e-2), inputs=8, top1_agreement=0.875)
    assert list(changed_top1("x", found)) == ["x: in 1 of 8 images its first class is not the network's"]
    assert list(changed_top1("x", parity(1e-3, 5e-2))) == []


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [(2e-2, 1.8e-3, True), (5e-3, 1.8e-3, False), (9e-6, 1e-7, False), (2e-5, 1e-7, True), (float("nan"), 0.1, True)],
)
def test_an_error_much_worse_than_was_recorded_is_said(now: float, then: float, said: bool) -> None:
    warnings = list(worse("x", parity(now, 5e-2), recorded=parity(then, 5e-2)))
    assert ["when the file was made" in warning for warning in warnings] == [True] * said


def test_the_first_operator_that_float16_does_not_hold_is_named() -> None:
    seen = ActivationRange(operator="big", kind="Mul", largest=70_000.0, overflow="first", overflow_kind="Add")
    *_, note = verified_table("a file", [], seen).notes
    assert "largest activation: 7e+04, of Mul 'big'; float16 holds 65504, and Add 'first' is the first" in note


def test_a_file_without_a_sidecar_is_titled_by_what_it_is_compared_with() -> None:
    assert (
        verified_title(Path("out/x.onnx"), None, find_model("efficientmod_xxs")) == "x.onnx, against efficientmod_xxs"
    )
    assert verified_title(Path("out/x.onnx"), None, None) == "x.onnx"


def test_subnormal_numbers_are_counted_in_a_warning() -> None:
    counted = msgspec.structs.replace(
        parity(0, None),
        subnormals=Subnormals(weights={"float": 1234, "float16": 9}, activations=5, operator="conv", kind="Conv"),
    )
    (said,) = subnormal("x.onnx", counted)
    assert said.startswith(
        "x.onnx: 1,234 of its weights and 5 activations over 3 inputs (the first of Conv 'conv') are subnormal, no "
        "zero but nearer to it than 1.2e-38"
    )
    half = msgspec.structs.replace(parity(0, None), subnormals=Subnormals(weights={"float16": 9}, activations=0))
    assert [*subnormal("x.onnx", half), *subnormal("x.onnx", parity(0, None))] == []


def test_an_unsteady_network_is_said_to_be_and_a_steady_one_is_not() -> None:
    lively = msgspec.structs.replace(parity(5e-4, 2e-3), noise=2e-4)
    (said,) = noise_in_words(lively)
    assert "unsteady itself: it differs from itself by 2.0e-04 there" in said
    assert said.endswith("2.0e-03 is allowed")
    left_out, _ = noise_in_words(msgspec.structs.replace(lively, unsteady_inputs=2))
    assert "on 2 more images" in left_out
    assert not [*noise_in_words(msgspec.structs.replace(lively, noise=1e-6))]
    assert not [*noise_in_words(parity(1e-6, 1e-4))]
