from pathlib import Path

import pytest

from models.zoo.words import decided_by_values, first_line, runtime_words, stands_for


def test_of_an_error_the_first_line_is_told_or_its_type() -> None:
    assert first_line(ValueError("\n no luck \nat all")) == "no luck "
    assert first_line(KeyError()) == "KeyError"


def test_what_depends_on_the_values_of_an_image_is_said_with_its_line() -> None:
    try:
        raise RuntimeError("Could not guard on data-dependent expression Eq(u0, 1)\nmore")
    except RuntimeError as error:
        said = decided_by_values(error)
    assert said is not None
    assert "depends on the values of the image (test_words.py, line " in said
    assert decided_by_values(RuntimeError("another reason")) is None


@pytest.mark.parametrize(
    ("file", "where"), [("torch/net.py", " (net.py, line 1), and"), ("<string>", " of the image, and")]
)
def test_its_line_is_one_of_a_file_wherever_that_lies(file: str, where: str, tmp_path: Path) -> None:
    place = file if file.startswith("<") else str(tmp_path / file)
    with pytest.raises(RuntimeError) as raised:
        exec(compile("raise RuntimeError('Could not guard on data-dependent expression')", place, "exec"))
    here = raised.value.__traceback__
    said = decided_by_values(raised.value.with_traceback(here and here.tb_next))  # without this file's own line
    assert where in (said or "")


def test_a_runtimes_codes_and_signatures_are_left_out() -> None:
    said = (
        "[ONNXRuntimeError] : 1 : FAIL : Load model from x.onnx failed:/onnxruntime_src/core/graph/model.h:46 void "
        "onnxruntime::Validate(const std::unordered_map<int, int>&, bool) Opset 30 is under development.\\n"
    )
    assert runtime_words(RuntimeError(said)) == "Load model from x.onnx failed:Opset 30 is under development."
    plain = "Conv node. Name:'a' Status Message: C: 3 (of 4) Bad"
    assert runtime_words(RuntimeError(plain)) == plain


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "'git lfs pull' fetches it"),
        (b"\n<!DOCTYPE html><html>", "it is a page of HTML"),
        (b"\x08\x08\x12", None),
    ],
)
def test_what_lies_in_the_place_of_a_file_is_known(content: bytes, said: str | None, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    found = stands_for(tmp_path / "x")
    assert found is None if said is None else said in (found or "")
    assert stands_for(tmp_path / "gone") is None
