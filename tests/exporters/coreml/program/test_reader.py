import shutil
from pathlib import Path

import pytest

from exporters import ArtifactError
from exporters.coreml.package import read_tensors
from exporters.coreml.program.program import load_program
from tests.exporters.coreml.program.support import specification, weight_file

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")


def test_a_damaged_entry_of_the_weight_file_is_found(package: Path) -> None:
    data = bytearray(weight_file(package).read_bytes())
    data[64] ^= 0xFF
    weight_file(package).write_bytes(data)
    with pytest.raises(ArtifactError, match="no entry at 64"):
        load_program(package)


def test_a_cut_weight_file_is_found(package: Path) -> None:
    data = weight_file(package).read_bytes()
    weight_file(package).write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtifactError, match=r"weight file of .* is damaged: .*(cut short|ends before)"):
        load_program(package)


def test_a_missing_weight_file_is_named(package: Path) -> None:
    weight_file(package).unlink()
    with pytest.raises(ArtifactError, match=r"cannot read the weights of .*weight\.bin"):
        load_program(package)


@pytest.mark.parametrize("within", [False, True])
def test_weights_outside_what_is_hashed_of_a_package_are_not_followed(
    package: Path, tmp_path: Path, within: bool
) -> None:
    elsewhere = (package if within else tmp_path) / "weight.bin"
    shutil.copy(weight_file(package), elsewhere)
    weight_file(package).unlink()
    weight_file(package).symlink_to(elsewhere)
    with pytest.raises(ArtifactError, match="keeps data outside itself"):
        load_program(package)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"{}",
        b'{"\xff": 1}',
        b'{"a": ' + b"[" * 100_000,
        b'{"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "\\u0000"}}}',
    ],
)
def test_a_folder_that_is_no_package_says_so(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "x.mlpackage"
    folder.mkdir()
    (folder / "Manifest.json").write_bytes(content)
    for read in (load_program, read_tensors):
        with pytest.raises(ArtifactError, match="not a Core ML package"):
            read(folder)


def test_a_missing_package_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .* as a Core ML package"):
        load_program(tmp_path / "x.mlpackage")


def test_a_specification_that_is_none_says_so(package: Path) -> None:
    specification(package).write_bytes(b"\xff" * 100)
    with pytest.raises(ArtifactError, match="not a Core ML package, or it is damaged"):
        load_program(package)
