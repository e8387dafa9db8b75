from pathlib import Path

import pytest
import torch

from models.training.checkpoints import keep, read
from models.training.errors import NotKeptError
from models.zoo.errors import CheckpointError


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    content = {"identity": {"name": "x", "num_classes": 2, "image_size": 32}, "state_dict": {"w": torch.ones(2)}}
    keep(tmp_path / "runs" / "last.pth", content)
    assert torch.equal(read(tmp_path / "runs" / "last.pth")["state_dict"]["w"], torch.ones(2))


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path / "last.pth", {"identity": 1})

    def refuse(_: Path, __: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(NotKeptError, match=r"last\.pth: Permission denied; the one of an earlier epoch is still there"):
        keep(tmp_path / "last.pth", {"identity": 2})
    assert read(tmp_path / "last.pth") == {"identity": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pth"]


def test_what_is_no_checkpoint_of_training_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04")
    torch.save({"state_dict": {}}, tmp_path / "other.pth")
    for name, said in (
        ("cut.pth", "cut short or damaged"),
        ("other.pth", "was not written by 'effmod train'"),
        ("none.pth", "cannot read checkpoint .*none.pth: No such file"),
    ):
        with pytest.raises(CheckpointError, match=said):
            read(tmp_path / name)
