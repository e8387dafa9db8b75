from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from exporters.derived.feeds import make_feeds
from tests.fakes import value, write_graph

SHAPES = {"x": (1, 4), "ratio": (1,), "tokens": (1, 6)}


def write(path: Path, *names: str) -> Path:
    kinds = {"x": TensorProto.FLOAT, "ratio": TensorProto.FLOAT, "tokens": TensorProto.INT64}
    return write_graph(
        path,
        [("Identity", [name], [f"{name}_out"], {}) for name in names],
        [value(name, kinds[name], SHAPES[name]) for name in names],
        [value(f"{name}_out", kinds[name], SHAPES[name]) for name in names],
    )


def test_the_first_is_what_is_timed_and_the_others_are_drawn_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", "x", "ratio", "tokens")
    feeds = make_feeds(path, onnx.load(path), SHAPES, {"ratio": ("0.25",)})
    np.testing.assert_array_equal(feeds[0]["x"][0], np.random.default_rng(0).standard_normal(4).astype(np.float32))
    assert len({feed["x"].tobytes() for feed in feeds}) == 8
    assert {feed["ratio"].item() for feed in feeds} == {0.25}
    assert all((feed["tokens"] == 1).all() for feed in feeds)


def test_whole_numbers_vary_where_nothing_else_does(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", "tokens")
    first, *others = make_feeds(path, onnx.load(path), SHAPES)
    assert (first["tokens"] == 1).all()
    assert {number for feed in others for number in feed["tokens"].ravel().tolist()} == {0, 1}


def test_what_files_give_comes_first_and_is_then_moved_a_little(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1, 2, -4]], np.float32))
    path = write(tmp_path / "x.onnx", "x")
    first, *others = make_feeds(path, onnx.load(path), SHAPES, {"x": (str(tmp_path / "a.npy"),)})
    assert first["x"].tolist() == [[0, 1, 2, -4]]
    assert all(feed["x"][0, 0] == 0 and 0 < abs(feed["x"] - first["x"]).max() < 2 for feed in others)


def test_one_number_varies_where_it_is_all_there_is(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", "ratio")
    numbers = [feed["ratio"].item() for feed in make_feeds(path, onnx.load(path), SHAPES)]
    assert numbers[0] == 1
    assert len(set(numbers)) == 8
    assert all(0.5 < number < 1.5 for number in numbers)


def test_what_is_given_as_one_number_is_moved_a_little_too(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", "x")
    first, *others = make_feeds(path, onnx.load(path), SHAPES, {"x": ("2",)})
    assert (first["x"] == 2).all()
    assert all(0 < abs(feed["x"] - 2).max() < 1 for feed in others)


def test_a_number_without_a_shape_stays_what_the_runtime_takes(tmp_path: Path) -> None:
    one = [value("ratio", TensorProto.FLOAT, ())], [value("out", TensorProto.FLOAT, ())]
    path = write_graph(tmp_path / "x.onnx", [("Identity", ["ratio"], ["out"], {})], *one)
    feeds = make_feeds(path, onnx.load(path), {"ratio": ()})
    assert {type(feed["ratio"]) for feed in feeds} == {np.ndarray}
    assert len({feed["ratio"].item() for feed in feeds}) == 8
