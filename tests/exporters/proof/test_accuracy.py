"""Accuracy of a file whose answers are known: its scores are the mean colours of the image."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from exporters import ComputePrecision, ImageFolderError
from exporters.proof.accuracy import Batch, Classified, classify, measure_accuracy, read_folder, skipped_in_words
from exporters.proof.open import open_evaluator
from exporters.proof.paired import pair
from models import Preprocessing

COLOURS = {"1red": (200, 20, 20), "2green": (20, 200, 20), "3blue": (20, 20, 200)}


def write_colour_meter(path: Path, *, classes: int = 3, batch: int = 1) -> Path:
    """Scores (N, classes): red, green, blue, and zeros."""
    pads = helper.make_tensor("pads", TensorProto.INT64, [4], [0, 0, 0, classes - 3])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    low = helper.make_tensor("low", TensorProto.FLOAT, [], [-100.0])
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("Pad", ["mean", "pads", "low"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, classes])],
        [pads, axes, low],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def write_images(folder: Path, names: dict[str, list[tuple[int, int, int]]]) -> Path:
    for name, colours in names.items():
        (folder / name).mkdir(parents=True)
        for i, colour in enumerate(colours):
            Image.new("RGB", (30, 20), colour).save(folder / name / f"{i}.png")
    return folder


def plainly(batches: Iterable[Batch], count: int) -> Iterable[Batch]:
    batches = list(batches)
    assert len(batches) == count
    return batches


def accuracy(path: Path, folder: Path, *, batch: int = 1, labels: tuple[str, ...] | None = None) -> list[float]:
    found = measure_accuracy(
        open_evaluator(path),
        read_folder(folder, Preprocessing(), image_size=16),
        Preprocessing(),
        batch_size=batch,
        labels=labels,
        progress=plainly,
    )
    assert list(found) == [ComputePrecision.FLOAT32]
    of = found[ComputePrecision.FLOAT32]
    return [of.images, of.top1, of.top5]


def test_classes_follow_the_order_of_the_folders(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    right = write_images(tmp_path / "right", {name: [colour] * 2 for name, colour in COLOURS.items()})
    assert accuracy(path, right) == [6, 100, 100]
    wrong = {"1red": [COLOURS["1red"]] * 3, "2green": [COLOURS["3blue"]], "3blue": [COLOURS["3blue"]]}
    assert accuracy(path, write_images(tmp_path / "wrong", wrong)) == [5, 80, 100]


def test_a_last_batch_that_is_not_full_counts_its_own_images_only(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx", batch=4)
    images = {"1red": [COLOURS["1red"]] * 4, "2green": [COLOURS["1red"]], "3blue": [COLOURS["3blue"]]}
    assert accuracy(path, write_images(tmp_path / "i", images), batch=4) == [6, pytest.approx(500 / 6), 100]


def test_folders_named_as_the_labels_are_found_in_any_order(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(tmp_path / "i", {"azure": [COLOURS["3blue"]], "pink": [COLOURS["1red"]]})
    assert accuracy(path, images, labels=("pink", "lime", "azure")) == [2, 100, 100]


def test_a_part_of_imagenets_classes_is_known_by_its_identifiers(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx", classes=1000)
    # The first three of ImageNet's 1000 classes are n01440764, n01443537, n01484850.
    images = write_images(tmp_path / "i", {"n01443537": [COLOURS["2green"]], "n01484850": [COLOURS["1red"]]})
    assert accuracy(path, images) == [2, 50, 100]


def test_a_folder_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    with pytest.raises(ImageFolderError, match="holds 2 classes, and the artifact tells 3 apart"):
        accuracy(path, write_images(tmp_path / "i", {"a": [(1, 2, 3)], "b": [(1, 2, 3)]}))


def test_what_is_no_folder_of_images_is_refused(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    for wrong in (tmp_path / "none", tmp_path / "empty", tmp_path):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ImageFolderError, match="does not hold a folder of images for each class"):
            accuracy(path, wrong)


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(tmp_path / "i", {name: [colour] for name, colour in COLOURS.items()})
    (images / "2green" / "0.png").write_bytes(b"no image")
    with pytest.raises(ImageFolderError, match=r"cannot read the image .*2green/0\.png"):
        accuracy(path, images)


def test_images_are_normalized_as_the_network_was_trained(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    # In grey no channel is the brightest, until each has its own mean taken off: blue's is ImageNet's lowest.
    images = write_images(tmp_path / "i", {"1": [(128, 128, 128)], "2": [], "3": [(128, 128, 128)] * 3})
    Image.new("RGB", (20, 20), (0, 255, 0)).save(images / "2" / "0.png")
    assert accuracy(path, images) == [5, 80, 100]


def test_an_image_that_would_unfold_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(tmp_path / "i", {name: [colour] for name, colour in COLOURS.items()})
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1)  # Pillow refuses twice as many, and says so in its own way
    with pytest.raises(ImageFolderError, match=r"cannot read the image .*decompression bomb"):
        accuracy(path, images)


def test_a_pipe_among_the_images_is_not_waited_for(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(tmp_path / "i", {name: [colour] for name, colour in COLOURS.items()})
    os.mkfifo(images / "2green" / "pipe.png")
    with pytest.raises(ImageFolderError, match=r"pipe\.png: it is not a file"):
        accuracy(path, images)


def found(path: Path, folder: Path, *, skip_corrupt: bool = False, labels: tuple[str, ...] | None = None) -> Classified:
    dataset = read_folder(folder, Preprocessing(), image_size=16)
    evaluator = open_evaluator(path)
    return classify(
        evaluator,
        dataset,
        Preprocessing(),
        labels=labels,
        skip_corrupt=skip_corrupt,
        progress=lambda batches, _: batches,
    )


def test_an_accuracy_has_its_counts_its_wilson_intervals_and_the_hash_of_the_images(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(
        tmp_path / "i", {"1red": [COLOURS["1red"]] * 3, "2green": [COLOURS["1red"]], "3blue": [(0, 0, 9)]}
    )
    accuracy = found(path, images).accuracy(ComputePrecision.FLOAT32)
    assert (accuracy.images, accuracy.right, accuracy.right_in_five, accuracy.skipped) == (5, 4, 5, 0)
    p, n, z = 0.8, 5, 1.959963984540054  # Wilson's formula, as his paper has it
    middle, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    ends = [100 * end / (1 + z**2 / n) for end in (middle - half, middle + half)]
    assert accuracy.top1_interval == pytest.approx(tuple(ends))
    assert accuracy.top5_interval[1] == 100
    assert (accuracy.data.name, accuracy.data.classes) == ("i", 3)
    same = found(path, images).accuracy(ComputePrecision.FLOAT32).data.sha256
    (images / "3blue" / "0.png").rename(images / "3blue" / "1.png")
    renamed = found(path, images).accuracy(ComputePrecision.FLOAT32).data.sha256
    assert accuracy.data.sha256 == same != renamed


def test_images_that_cannot_be_read_are_skipped_where_that_is_asked_and_counted(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(tmp_path / "i", {name: [colour] * 2 for name, colour in COLOURS.items()})
    (images / "2green" / "0.png").write_bytes(b"no image")
    with pytest.raises(ImageFolderError, match="leave such out with --skip-corrupt"):
        found(path, images)
    rest = found(path, images, skip_corrupt=True)
    accuracy = rest.accuracy(ComputePrecision.FLOAT32)
    assert (accuracy.images, accuracy.skipped, accuracy.top1) == (5, 1, 100)
    assert skipped_in_words(rest.skipped) == "1 cannot be read, and were skipped: 2green/0.png"
    for image in images.rglob("*.png"):
        image.write_bytes(b"no image")
    with pytest.raises(ImageFolderError, match="holds no image that can be read"):
        found(path, images, skip_corrupt=True)


def test_numbered_folders_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(
        tmp_path / "i", dict(zip(("1", "2", "10"), ([each] for each in COLOURS.values()), strict=True))
    )
    numbered = found(path, images)  # torchvision has 1, 10, 2
    assert numbered.accuracy(ComputePrecision.FLOAT32).top1 == 100
    assert numbered.in_order
    assert not found(path, images, labels=("1", "2", "10")).in_order


def test_folders_of_which_only_some_are_labels_are_refused(tmp_path: Path) -> None:
    path = write_colour_meter(tmp_path / "m.onnx")
    images = write_images(tmp_path / "i", {name: [(1, 2, 3)] for name in ("azure", "pink", "grey")})
    with pytest.raises(ImageFolderError, match="are labels of the artifact, and 'grey', which is none"):
        found(path, images, labels=("pink", "lime", "azure"))


def test_two_files_are_paired_image_by_image(tmp_path: Path) -> None:
    first = write_colour_meter(tmp_path / "a.onnx")
    images = write_images(
        tmp_path / "i", {"1red": [COLOURS["1red"]] * 3, "2green": [COLOURS["1red"]], "3blue": [(0, 0, 9)]}
    )
    (images / "1red" / "2.png").write_bytes(b"no image")
    own = found(first, images, skip_corrupt=True)
    blind = msgspec.structs.replace(own, first_five={ComputePrecision.FLOAT32: np.full((4, 1), 2)})
    paired = pair((own, ComputePrecision.FLOAT32), (blind, ComputePrecision.FLOAT32))
    assert (paired.images, paired.both, paired.only_first, paired.only_second, paired.neither) == (4, 1, 2, 0, 1)
    assert (paired.difference, paired.same, paired.p_value) == (50, 1, 0.5)
    other = msgspec.structs.replace(own, places=own.places + 100)
    with pytest.raises(ImageFolderError, match="no image was classified by both files"):
        pair((own, ComputePrecision.FLOAT32), (other, ComputePrecision.FLOAT32))
