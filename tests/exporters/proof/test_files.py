"""Two ONNX files side by side; what a rewrite has to be judged by is in derived/test_rewritten.py."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from exporters import ParityError
from exporters.proof.files import check_repeatable, compare_files, judge_files
from tests.fakes import value, write_graph

FEEDS = [{"x": np.array([numbers], np.float32)} for numbers in ([-1, 2, 0.5], [3, -1, 1], [1, 1, -2], [-1, -1, 4])]


def write_labels(path: Path, *labels: str) -> Path:
    return write_graph(
        path,
        [
            ("ArgMax", ["x"], ["a"], {"axis": 1, "keepdims": 0}),
            ("LabelEncoder", ["a"], ["label"], {"keys_int64s": [0, 1, 2], "values_strings": list(labels)}),
        ],
        [value("x", TensorProto.FLOAT, [1, 3])],
        [value("label", TensorProto.STRING, [1])],
    )


def test_labels_are_equal_or_not(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "x.onnx", "cat", "dog", "fox")
    same = write_labels(tmp_path / "same.onnx", "cat", "dog", "fox")
    judge_files(path, same, compare_files(path, same, FEEDS))
    other = write_labels(tmp_path / "other.onnx", "cat", "dog", "fix")
    with pytest.raises(ParityError, match=r"other\.onnx does not compute what x\.onnx computes"):
        judge_files(path, other, compare_files(path, other, FEEDS))


def write_found(path: Path, operator: str = "Relu") -> Path:
    """Where `operator` leaves something of the input: as many columns as there are such places."""
    return write_graph(
        path,
        [(operator, ["x"], ["r"], {}), ("NonZero", ["r"], ["y"], {})],
        [value("x", TensorProto.FLOAT, [1, 3])],
        [value("y", TensorProto.INT64, [2, "found"])],
    )


def test_an_output_whose_size_depends_on_the_input_is_compared(tmp_path: Path) -> None:
    path, same = write_found(tmp_path / "x.onnx"), write_found(tmp_path / "same.onnx")
    nothing = [{"x": np.full((1, 3), -1, np.float32)}]
    judge_files(path, same, compare_files(path, same, [*FEEDS, *nothing]))
    check_repeatable(path, [*FEEDS, *nothing])
    other = write_found(tmp_path / "other.onnx", "Neg")
    with pytest.raises(ParityError, match=r"other\.onnx gives an output of other sizes than x\.onnx"):
        compare_files(path, other, FEEDS)


def test_a_sequence_is_compared_as_a_whole(tmp_path: Path) -> None:
    def write(name: str, *parts: str) -> Path:
        return write_graph(
            tmp_path / name,
            [("Neg", ["x"], ["n"], {}), ("SequenceConstruct", list(parts), ["y"], {})],
            [value("x", TensorProto.FLOAT, [1, 3])],
            [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)],
        )

    path, same, other = write("x.onnx", "x", "n"), write("same.onnx", "x", "n"), write("other.onnx", "n", "x")
    judge_files(path, same, compare_files(path, same, FEEDS))
    with pytest.raises(ParityError, match=r"does not compute what x\.onnx computes"):
        judge_files(path, other, compare_files(path, other, FEEDS))
