import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from exporters import OutputError, deliver, obtain, package_sha256, read_sidecar, sha256_of
from exporters.artifact.files import writing
from models import ModelSpec
from tests.exporters.support import CONFIG, COREML, needs_coremltools


def test_delivery_copies_file_and_sidecar(spec: ModelSpec, tmp_path: Path) -> None:
    made = obtain(spec, CONFIG)
    path = deliver(made.path, tmp_path / "new" / "folder")
    assert path.name == "efficientmod_xxs-32px-unsimplified-plain.onnx"
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.json"]
    artifact = read_sidecar(path)
    assert artifact is not None
    assert artifact.sha256 == sha256_of(path)


def test_a_full_disk_leaves_no_half_file(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = obtain(spec, CONFIG)

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        if source.suffix == ".onnx":  # its sidecar still went through
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        deliver(made.path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EDQUOT, "free some space, or choose another disk"),
        (errno.EFBIG, "raise the limit on the size of a file ('ulimit -f'), or choose another disk"),
        (errno.EACCES, "choose a folder that you can write"),
    ],
)
def test_each_cause_has_its_own_advice(code: int, advice: str) -> None:
    with pytest.raises(OutputError, match=re.escape(f"{os.strerror(code)}; {advice}")), writing(Path("out")):
        raise OSError(code, os.strerror(code))


def test_a_file_in_the_folders_place_says_so(spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write .*out"):
        deliver(obtain(spec, CONFIG).path, tmp_path / "out")


@needs_coremltools
def test_a_package_is_delivered_whole_in_place_of_an_older_one(spec: ModelSpec, tmp_path: Path) -> None:
    made = obtain(spec, COREML)
    old = tmp_path / "out" / made.path.name
    (old / "Data").mkdir(parents=True)
    (old / "Data" / "stale").write_text("of another export")
    path = deliver(made.path, tmp_path / "out")
    assert path == old
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, f"{path.name}.json"]
    artifact = read_sidecar(path)
    assert artifact is not None
    assert artifact.sha256 == package_sha256(path)


@needs_coremltools
def test_a_full_disk_leaves_the_older_package(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = obtain(spec, COREML)
    path = deliver(made.path, tmp_path / "out")
    before = package_sha256(path)
    copyfile = shutil.copyfile

    def full(source: Path, target: Path) -> None:
        if source.name == "weight.bin":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        copyfile(source, target)

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OutputError, match="No space left on device"):
        deliver(made.path, tmp_path / "out")
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, f"{path.name}.json"]
    assert package_sha256(path) == before


@needs_coremltools
def test_an_older_package_comes_back_where_the_new_one_cannot_take_its_name(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = obtain(spec, COREML)
    path = deliver(made.path, tmp_path / "out")
    rename = Path.rename

    def refuse(source: Path, target: Path) -> Any:
        if source.parent.name.startswith(".partial-"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        deliver(made.path, tmp_path / "out")
    assert package_sha256(path) == made.artifact.sha256
