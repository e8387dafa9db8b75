import zipfile
from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.runs.supplied import checkpoint_of, gather
from exporters import PRETRAINED, sha256_of
from results import StoreError
from tests.fakes import timed_artifact, write_onnx

PLACE = Path("brought")


def test_files_are_gathered_from_a_folder_and_found_by_size_before_name() -> None:
    Path("mine/deep").mkdir(parents=True)
    write_onnx(Path("mine/net.onnx"))
    write_onnx(Path("mine/deep/other.onnx"), nodes=2)
    Path("mine/best.pth").write_bytes(b"weights")
    Path("mine/x.npy").write_bytes(b"values")
    found = gather([], [Path("mine")], [], place=PLACE)
    size = Path("mine/deep/other.onnx").stat().st_size
    artifact = msgspec.structs.replace(timed_artifact("net.onnx"), size_bytes=size)
    assert found.like(artifact) == [Path("mine/deep/other.onnx"), Path("mine/net.onnx")]
    assert found.fed("x.npy") == Path("mine/x.npy")
    assert found.fed("y.npy") is None
    assert found.checkpoint(sha256_of(Path("mine/best.pth"))[:12]) == Path("mine/best.pth")
    assert found.checkpoint("0" * 12) is None


def test_what_a_zip_brings_and_a_folder_holds_are_found_together() -> None:
    write_onnx(Path("net.onnx"))
    sha256 = sha256_of(Path("net.onnx"))
    with zipfile.ZipFile("numbers.zip", "w") as archive:
        archive.write("net.onnx", f"files/{sha256}/net.onnx")
    Path("mine").mkdir()
    write_onnx(Path("mine/other.onnx"), nodes=2)
    found = gather([], [Path("numbers.zip"), Path("mine")], [], place=PLACE)
    assert found.files == (PLACE / sha256 / "net.onnx", Path("mine/other.onnx"))


def test_functions_are_found_by_their_name_with_the_records_arguments() -> None:
    found = gather(["a folder/mine.py:net", "somebodys_net"], [], [PRETRAINED], place=PLACE)
    assert found.function("mine.py:net") == "a folder/mine.py:net"
    assert found.function("mine.py:net(width=4)") == "a folder/mine.py:net(width=4)"
    assert found.function("other.py:net") is None
    assert found.networks == ("somebodys_net",)
    assert found.pretrained


def test_each_of_several_checkpoints_is_found_by_its_hash() -> None:
    paths = [Path("a.pth"), Path("b.pth")]
    for path in paths:
        path.write_bytes(path.name.encode())
    found = gather([], [], [*paths, PRETRAINED], place=PLACE)
    assert [found.checkpoint(sha256_of(path)[:12]) for path in paths] == paths
    assert found.pretrained


def test_a_checkpoint_is_read_once_however_many_claims_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[Path]()

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr("effmod_bench.runs.supplied.sha256_of", counted)
    path = Path("best.pth").absolute()
    path.write_bytes(b"weights")
    found = gather([], [], [path], place=PLACE)
    for _ in range(3):
        assert found.checkpoint(sha256_of(path)[:12]) == path
    assert read == [path]
    path.write_bytes(b"other weights")
    assert found.checkpoint(sha256_of(path)[:12]) == path


def test_what_is_not_there_is_refused() -> None:
    for add, sources, checkpoints in (
        (["missing.onnx"], [], []),
        ([], [Path("missing")], []),
        ([], [Path("missing.zip")], []),
        ([], [], [Path("missing.pth")]),
    ):
        with pytest.raises(TargetError):
            gather(add, sources, checkpoints, place=PLACE)
    Path("no.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(StoreError, match="is refused"):
        gather([], [Path("no.zip")], [], place=PLACE)


def test_a_folder_of_a_whole_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("effmod_bench.runs.supplied._MOST_FILES", 1)
    Path("mine").mkdir()
    for name in ("a.onnx", "b.onnx"):
        write_onnx(Path("mine") / name)
    with pytest.raises(TargetError, match="more than 1 files; give the folder of them alone"):
        gather([], [Path("mine")], [], place=PLACE)


def test_a_checkpoint_is_known_by_what_the_weights_say() -> None:
    trained = msgspec.structs.replace(timed_artifact(), weights="a best.pth (sha256 0123456789ab)")
    assert list(checkpoint_of(trained)) == [("a best.pth", "0123456789ab")]
    assert list(checkpoint_of(timed_artifact())) == []
