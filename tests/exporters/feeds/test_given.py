from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exporters.errors import FeedError
from exporters.feeds.given import Given, resolve
from results import InputTensor

TENSORS = (
    InputTensor(name="src", dtype="float", shape=(1, 3, 8, 8)),
    InputTensor(name="ratio", dtype="float", shape=(1,)),
)
TARGET = Path("net.onnx")


def archive(path: Path, *names: str) -> Path:
    np.savez(path, **{name: np.ones(1, np.float32) for name in names})  # type: ignore[arg-type]
    return path


def test_what_nobody_gives_is_not_among_it() -> None:
    assert resolve(Given(), TENSORS, TARGET) == {}
    assert resolve(Given(feed=("ratio=0.25",)), TENSORS, TARGET) == {"ratio": ("0.25",)}


def test_files_are_named_by_their_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = Given(feed=("ratio=r.npy",), source=archive(Path("x.npz"), "src"))
    found = {"ratio": (str(tmp_path / "r.npy"),), "src": (str(tmp_path / "x.npz"),)}
    assert resolve(given, TENSORS, TARGET) == found
    assert list(given.options()) == ["--feed", "ratio=r.npy", "--feeds", "x.npz"]
    assert list(given.files()) == [Path("r.npy"), Path("x.npz")]


def test_the_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.npz", "a.npz"):
        archive(tmp_path / name, "src", "ratio")
    (tmp_path / "notes.txt").write_text("none of it")
    turns = (str(tmp_path / "a.npz"), str(tmp_path / "b.npz"))
    assert resolve(Given(source=tmp_path), TENSORS, TARGET) == {"src": turns, "ratio": turns}


def test_images_are_for_the_one_input_that_takes_some(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    assert resolve(Given(source=tmp_path), TENSORS, TARGET) == {"src": (str(tmp_path / "one.png"),)}
    with pytest.raises(FeedError, match=r"net\.onnx has 0 inputs that take some"):
        resolve(Given(source=tmp_path), TENSORS[1:], TARGET)


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        (("ratio",), "--feed ratio: write NAME=VALUE, as in --feed src=1"),
        (("ratio=",), "write NAME=VALUE"),
        (("scale=1",), "--feed scale=1: net.onnx has no input 'scale'; it has 'src', 'ratio'"),
        (("ratio=1", "ratio=2"), "input 'ratio' is fed already"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(feed: tuple[str, ...], said: str) -> None:
    with pytest.raises(FeedError, match=said):
        resolve(Given(feed=feed), TENSORS, TARGET)


def test_an_archive_has_each_input_once_and_no_other(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.npz", "src")
    with pytest.raises(FeedError, match=r"x\.npz holds nothing for input 'ratio'; add it, or --feed ratio=VALUE"):
        resolve(Given(source=path), TENSORS, TARGET)
    with pytest.raises(FeedError, match=r"x\.npz holds input 'src', and --feed gives it, too"):
        resolve(Given(feed=("src=image", "ratio=1"), source=path), TENSORS, TARGET)
    with pytest.raises(FeedError, match=r"x\.npz: net\.onnx has no input 'more'"):
        resolve(Given(source=archive(path, "src", "ratio", "more")), TENSORS, TARGET)
    path.write_bytes(b"none")
    with pytest.raises(FeedError, match=r"x\.npz is no \.npz file that can be read"):
        resolve(Given(source=path), TENSORS, TARGET)


def test_a_source_is_an_archive_or_a_folder_that_holds_some(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"gone\.npz: give an \.npz file, or a folder.*and it is not there"):
        resolve(Given(source=tmp_path / "gone.npz"), TENSORS, TARGET)
    with pytest.raises(FeedError, match=r"it holds no \.npz file and no image"):
        resolve(Given(source=tmp_path), TENSORS, TARGET)
    archive(tmp_path / "x.npz", "src", "ratio")
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    with pytest.raises(FeedError, match=r"it holds \.npz files and images; keep them in folders of their own"):
        resolve(Given(source=tmp_path), TENSORS, TARGET)
