"""Words of other libraries, for messages of ours."""

import re
import traceback
from pathlib import Path

# What ONNX Runtime puts before what it has to say: a code, and where in its sources it was.
_PLACES = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |/\S*onnxruntime\S*:\d+ .*?\) (?=[A-Z'])")


def first_line(error: BaseException) -> str:
    """What an exception says in its first line; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def decided_by_values(error: BaseException) -> str | None:
    """Why torch makes no graph of a network where what it computes decides how it goes on; None where that is not why.

    Args:
        error: what torch raised.
    """
    if "data-dependent" not in first_line(error):
        return None
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_of_torch(frame.filename)]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return (
        f"which way it goes, or how large a result is, depends on the values of the image{where}, and a file has one "
        "way for all; let it compute both, and torch.where choose"
    )


def _is_of_torch(file: str) -> bool:
    """Whether it lies in torch, or is code that was made and has no file, as `<string>`."""
    import torch  # here: whoever has no error of its own does not need it

    return file.startswith("<") or Path(file).is_relative_to(Path(torch.__file__).parent)


def runtime_words(error: BaseException) -> str:
    """What ONNX Runtime says of a file, without its codes and the signatures of its functions."""
    return _PLACES.sub("", str(error)).replace("\\n", " ").strip()


def stands_for(path: Path) -> str | None:
    """What lies in the place of a file that was to be fetched; None where it is nothing of that kind, or not there."""
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip().lower()
    except OSError:
        return None
    if start.startswith(b"version https://git-lfs"):
        return "it is Git LFS's note of where the file lies: 'git lfs pull' fetches it"
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a page of HTML, as a link to a page gives: fetch the file itself"
    return None
