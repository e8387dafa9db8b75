import hashlib
import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from results import Round, Store, StoreError
from results.sharing import limits
from results.sharing.archive import file_entry, looks_like_zip, unpack_files, unpack_records
from tests.results.sharing.support import RECORD, entry, make_zip

LINK = 0o120777


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The folder of the zip, and one within another for what is unpacked."""
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    return tmp_path, folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_records_are_unpacked_and_can_be_read(places: tuple[Path, Path]) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("README.txt", b"words"), ("manifest.json", b"{}"), ("records/one.json", RECORD))
    assert unpack_records(path, folder) == 1
    assert len(Store(folder).read_kind(Round)) == 1
    assert everything(folder).keys() == {"one.json"}


def test_no_name_of_a_record_is_that_of_another_ones_file(places: tuple[Path, Path]) -> None:
    top, folder = places
    names = ("records/\u00e9.json", "records/0.json", "records/1.json", "records/_0.json")
    path = make_zip(top / "a.zip", *((name, RECORD) for name in names))
    assert unpack_records(path, folder) == len(everything(folder)) == 4
    assert len(Store(folder).read_kind(Round)) == 1  # copies of one


def test_a_place_before_the_zips_beginning_is_refused(places: tuple[Path, Path]) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("x.json", RECORD), ("y.json", RECORD))
    content = bytearray(path.read_bytes())
    end = len(content) - 22
    # As of a zip with other bytes before it, by which all places are moved: that of the first entry is then negative.
    (start,) = struct.unpack_from("<L", content, end + 16)
    struct.pack_into("<L", content, end + 16, start + 100)
    path.write_bytes(content)
    assert "is refused" in _refusal(path, folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../escaped.json", "outside of the folder"),
        ("records/../../escaped.json", "outside of the folder"),
        ("/etc/escaped.json", "outside of the folder"),
        ("C:/escaped.json", "outside of the folder"),
        ("C:escaped.json", "outside of the folder"),
        ("..\\escaped.json", "outside of the folder"),
        ("~/escaped.json", "outside of the folder"),
        ("records//x.json", "a name that is none"),
        ("./x.json", "a name that is none"),
        ("a\x1b[2J.json", "characters in its name that are not seen"),
        ("a\x00.json", "characters in its name that are not seen"),
        ("a\u202e.json", "characters in its name that are not seen"),
        ("a\n.json", "characters in its name that are not seen"),
        ("a" * 300 + ".json", "a name longer than any of ours"),
        ("CON.json", "a name that systems keep for themselves"),
        ("records/nul", "a name that systems keep for themselves"),
        ("x.json.", "a name that systems keep for themselves"),
        ("more.zip", "an archive within the archive"),
        ("records/more.tar.gz", "an archive within the archive"),
    ],
)
def test_a_name_that_could_do_harm_is_refused_and_nothing_is_written(
    name: str, said: str, places: tuple[Path, Path]
) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("good.json", RECORD), (name, RECORD))
    before = everything(top)
    with pytest.raises(StoreError, match="is refused, and nothing of it is used") as refused:
        unpack_records(path, folder)
    assert said in str(refused.value)
    assert everything(top) == before


@pytest.mark.parametrize(
    ("mode", "said"), [(LINK, "is a link"), (0o010644, "no regular file"), (0o020644, "no regular file")]
)
def test_links_and_devices_are_refused(mode: int, said: str, places: tuple[Path, Path]) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", (entry("x.json", mode=mode), b"/etc/passwd"))
    with pytest.raises(StoreError, match=said):
        unpack_records(path, folder)
    assert not everything(folder)


@pytest.mark.parametrize("names", [("x.json", "x.json"), ("x.json", "X.JSON"), ("a/x.json", "b/x.json")])
def test_a_name_that_stands_twice_is_refused(names: tuple[str, str], places: tuple[Path, Path]) -> None:
    top, folder = places
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = make_zip(top / "a.zip", *((name, RECORD) for name in names))
    if names[1].endswith("JSON"):
        assert "stands in it twice" in _refusal(path, folder)
    else:
        assert "twice" in _refusal(path, folder) or "two records of it" in _refusal(path, folder)
    assert not everything(folder)


def _refusal(path: Path, folder: Path) -> str:
    with pytest.raises(StoreError) as refused:
        unpack_records(path, folder)
    return str(refused.value)


def test_a_bomb_stops_long_before_it_is_unpacked(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("x.json", b" " * (20 << 20)))
    assert path.stat().st_size < 100_000
    assert "unpacks to more than 200 times its size" in _refusal(path, folder)
    monkeypatch.setattr(limits, "RECORD_BYTES", 1 << 20)
    folder = top / "again"
    folder.mkdir()
    assert "unpacks to more than is read of a zip" in _refusal(path, folder)
    assert sum(len(content) for content in everything(folder).values()) <= 1 << 20


def test_many_records_together_are_bounded(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    top, folder = places
    monkeypatch.setattr(limits, "RECORDS_BYTES", 2500)
    path = make_zip(top / "a.zip", *((f"{i}.json", os.urandom(1000)) for i in range(5)))
    assert "'2.json' unpacks to more than is read of a zip" in _refusal(path, folder)


def test_what_a_zip_says_of_its_size_is_not_trusted(places: tuple[Path, Path]) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("x.json", RECORD))
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24  # the size when it is unpacked
    content[place : place + 4] = struct.pack("<L", 10)
    path.write_bytes(content)
    assert "cannot be unpacked" in _refusal(path, folder)


def _cut(content: bytes) -> bytes:
    return content[:-9]


def _with_comment(content: bytes) -> bytes:
    return content[:-2] + struct.pack("<H", 3) + b"abc"


def _many_entries(content: bytes) -> bytes:
    return content[:-22] + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 0x7FFFFFFF, 0, 0)


def _zip64(content: bytes) -> bytes:
    return content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:]


def _no_zip(_: bytes) -> bytes:
    return b"PK\x03\x04 and nothing else that is long enough to be one"


@pytest.mark.parametrize("change", [_cut, _with_comment, _many_entries, _zip64, _no_zip, lambda _: b""])
def test_what_is_no_whole_zip_is_refused_before_its_list_is_read(
    change: Callable[[bytes], bytes], places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("x.json", RECORD))
    path.write_bytes(change(path.read_bytes()))
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("it was read"))
    assert "is refused" in _refusal(path, folder)


def test_a_list_that_is_longer_than_its_end_says_is_refused(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    top, folder = places
    monkeypatch.setattr(limits, "MOST_ENTRIES", 2)
    path = make_zip(top / "a.zip", *((f"{i}.json", RECORD) for i in range(3)))
    content = bytearray(path.read_bytes())
    struct.pack_into("<2H", content, len(content) - 14, 1, 1)
    path.write_bytes(content)
    assert "lists more than 2 files" in _refusal(path, folder)


def test_an_encrypted_or_oddly_compressed_entry_is_refused(places: tuple[Path, Path]) -> None:
    top, folder = places
    path = make_zip(top / "a.zip", ("x.json", RECORD))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "is encrypted" in _refusal(path, folder)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as made:
        made.writestr("x.json", RECORD)
    assert "compressed in a way" in _refusal(path, folder)


def test_no_regular_file_and_no_records_are_said(places: tuple[Path, Path]) -> None:
    top, folder = places
    assert "holds no records" in _refusal(make_zip(top / "a.zip", ("README.txt", b"words")), folder)
    assert "no regular file" in _refusal(top, folder)
    assert "cannot read" in _refusal(top / "missing.zip", folder)


def test_files_are_unpacked_by_their_hash_and_what_is_another_is_refused(places: tuple[Path, Path]) -> None:
    top, folder = places
    sha256 = hashlib.sha256(b"a model").hexdigest()
    path = make_zip(top / "a.zip", ("x.json", RECORD), (f"files/{sha256}/net.onnx", b"a model"))
    for _ in range(2):
        assert unpack_files(path, folder) == [folder / sha256 / "net.onnx"]
    assert everything(folder) == {f"{sha256}/net.onnx": b"a model"}
    path = make_zip(top / "b.zip", ("x.json", RECORD), (f"files/{'0' * 64}/net.onnx", b"another"))
    with pytest.raises(StoreError, match="is not of the hash that it stands under"):
        unpack_files(path, folder)
    assert everything(folder) == {f"{sha256}/net.onnx": b"a model"}


@pytest.mark.parametrize("name", ["best.pth.tar", "con.onnx", "x" * 240 + ".onnx", "a net (2).onnx.", "\u00e9"])
def test_whatever_a_file_is_called_it_is_read_again(name: str, places: tuple[Path, Path]) -> None:
    top, folder = places
    sha256 = hashlib.sha256(b"a model").hexdigest()
    path = make_zip(top / "a.zip", ("x.json", RECORD), (file_entry(sha256, name), b"a model"))
    (file,) = unpack_files(path, folder)
    assert file.suffix == Path(name.removesuffix(".")).suffix
    assert file.read_bytes() == b"a model"


def test_a_zip_is_known_by_its_beginning(places: tuple[Path, Path]) -> None:
    top, _ = places
    path = make_zip(top / "a.dat", ("x.json", RECORD))
    (top / "words.toml").write_text("title = 'x'")
    assert looks_like_zip(path)
    assert looks_like_zip(top / "missing.zip")
    assert not looks_like_zip(top / "words.toml")
    assert not looks_like_zip(top)
