import io
from hashlib import sha256
from pathlib import Path

import pytest

from effmod_bench.fleet.keep import keep
from effmod_bench.fleet.messages import Bring, Brought, FileThere, Lacking, Refused


def file(name: str, content: bytes) -> FileThere:
    return FileThere(name=name, sha256=sha256(content).hexdigest(), size_bytes=len(content))


def test_what_is_lacking_is_taken_and_the_rest_is_not(tmp_path: Path) -> None:
    one, two = file("x.onnx", b"one"), file("weights/x.bin", b"twos")
    lacking: list[Lacking] = []
    asked = Bring(folder="f", files=(one, two))
    assert keep(tmp_path, asked, io.BytesIO(b"onetwos"), lacking.append) == Brought(path=str(tmp_path / "f"))
    assert (tmp_path / "f" / "weights" / "x.bin").read_bytes() == b"twos"
    assert isinstance(keep(tmp_path, asked, io.BytesIO(b""), lacking.append), Brought)
    (tmp_path / "f" / "x.onnx").write_bytes(b"eno")
    assert isinstance(keep(tmp_path, asked, io.BytesIO(b"one"), lacking.append), Brought)
    assert [each.names for each in lacking] == [("x.onnx", "weights/x.bin"), (), ("x.onnx",)]


def test_what_arrives_as_something_else_is_not_kept_and_what_comes_after_it_is_understood(tmp_path: Path) -> None:
    stream = io.BytesIO(b"eno" + b"two" + b"the next message")
    asked = Bring(folder="f", files=(file("a", b"one"), file("b", b"two")))
    answer = keep(tmp_path, asked, stream, lambda _: None)
    assert isinstance(answer, Refused)
    assert answer.again
    assert answer.reason.startswith("a arrived as another file")
    assert stream.read() == b"the next message"
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["b"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("no folder")
    answer = keep(tmp_path, Bring(folder="f", files=(file("a", b"one"),)), io.BytesIO(b"one"), lambda _: None)
    assert isinstance(answer, Refused)
    assert "a (0.0 MB) cannot be kept on the board" in answer.reason
    assert "free some space" not in answer.reason


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ""])
def test_nothing_is_written_outside_of_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no name of a file in a folder"):
        keep(tmp_path, Bring(folder="f", files=(file(name, b"one"),)), io.BytesIO(b"one"), lambda _: None)


def test_a_command_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(EOFError):
        keep(tmp_path, Bring(folder="f", files=(file("a", b"one"),)), io.BytesIO(b"on"), lambda _: None)
    assert list((tmp_path / "f").iterdir()) == []
