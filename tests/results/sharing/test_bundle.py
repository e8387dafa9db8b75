import hashlib
import zipfile
from pathlib import Path

import msgspec
import pytest

from results import Round, Store
from results.sharing.archive import unpack_files, unpack_records
from results.sharing.bundle import Manifest, Needed, write_bundle
from tests.results.sharing.support import RECORD

NEEDED = Needed(name="net.onnx", sha256="a" * 64)


def manifest(**changes: object) -> Manifest:
    return Manifest(**({"effmod": "1.0", "records": 1, "needed": (NEEDED,)} | changes))  # type: ignore[arg-type]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert write_bundle(tmp_path / name, [("one", RECORD)], manifest()) == (tmp_path / name).stat().st_size
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_file_that_packs_to_nothing_is_read_again(tmp_path: Path) -> None:
    content = bytes(17 << 20)
    (tmp_path / "zeros.onnx").write_bytes(content)
    files = [(f"files/{hashlib.sha256(content).hexdigest()}/zeros.onnx", tmp_path / "zeros.onnx")]
    write_bundle(tmp_path / "a.zip", [("one", RECORD)], manifest(), files)
    (file,) = unpack_files(tmp_path / "a.zip", tmp_path)
    assert file.stat().st_size == len(content)


def test_what_is_packed_is_read_again_and_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"a model")
    sha256 = hashlib.sha256(b"a model").hexdigest()
    with pytest.raises(OSError, match="No such file"):
        write_bundle(tmp_path / "a.zip", [], manifest(), [("files/x/y", tmp_path / "missing")])
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    files = [(f"files/{sha256}/net.onnx", tmp_path / "net.onnx")]
    write_bundle(tmp_path / "a.zip", [("one", RECORD)], manifest(left_out=("1 figure",)), files)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        words = archive.read("README.txt").decode()
        assert msgspec.json.decode(archive.read("manifest.json"), type=Manifest).needed == (NEEDED,)
    assert "    effmod reproduce ./THIS.zip\n" in words
    assert "    1 figure\n" in words
    assert f"    net.onnx  sha256 {'a' * 64}\n" in words
    (tmp_path / "records").mkdir()
    assert unpack_records(tmp_path / "a.zip", tmp_path / "records") == 1
    assert len(Store(tmp_path / "records").read_kind(Round)) == 1
    brought = msgspec.structs.replace(NEEDED, brought=True)
    write_bundle(tmp_path / "b.zip", [("one", RECORD)], manifest(needed=(brought,)), files)
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        words = archive.read("README.txt").decode()
    assert "    effmod reproduce ./THIS.zip --files ./THIS.zip\n" in words  # or what is in it is not used
    assert "--files FOLDER" not in words
    write_bundle(tmp_path / "c.zip", [("one", RECORD)], manifest(needed=(brought, NEEDED)), files)
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        words = archive.read("README.txt").decode()
    assert "    effmod reproduce ./THIS.zip --files ./THIS.zip\n" in words
    assert "and give the folder that they lie in, too: --files FOLDER\n" in words  # it may be given more than once
    (file,) = unpack_files(tmp_path / "a.zip", tmp_path / "files")
    assert file.read_bytes() == b"a model"
