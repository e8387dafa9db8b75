"""The files of a run: each is written whole or not at all, and none needs to be unpickled."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import torch

from models.training.errors import NotKeptError
from models.zoo.errors import CheckpointError

LAST = "last.pth"
BEST = "best.pth"


def keep(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain types under a name, whole or not at all.

    Raises:
        NotKeptError: it cannot be written; what was there is still what it was.
    """
    buffer = io.BytesIO()  # torch's own writer reports a full disk as a bug of itself
    torch.save(content, buffer)
    keep_bytes(path, buffer.getbuffer())


def keep_bytes(path: Path, content: bytes | memoryview) -> None:
    """
    Raises:
        NotKeptError: as `keep`.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        stays = "; the one of an earlier epoch is still there, and --resume goes on from it" if path.exists() else ""
        raise NotKeptError(f"cannot write {path}: {error.strerror or error}{stays}") from error


def read(path: Path) -> dict[str, Any]:
    """What `keep` has written.

    Raises:
        CheckpointError: it cannot be read, or is not of `effmod train`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except Exception as error:  # fed a stranger's bytes, a parser may raise anything
        raise CheckpointError(f"{path} is not a PyTorch checkpoint, or it is cut short or damaged") from error
    if not isinstance(content, dict) or "identity" not in content:
        raise CheckpointError(f"{path} was not written by 'effmod train'")
    return content


def _sync(folder: Path) -> None:
    if os.name == "nt":  # has no way to open a folder
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
