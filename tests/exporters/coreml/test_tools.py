import importlib.util
import sys
from pathlib import Path

import pytest
from torch import nn

from exporters import Compression, FormatUnavailableError
from tests.exporters.coreml.support import write

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


def test_without_coremltools_the_message_says_where_it_runs(
    small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        FormatUnavailableError, match=r"coremltools is not installed.*macOS, and for Linux on x86-64.*--format onnx"
    ):
        write(small, tmp_path / "x.mlpackage")


def test_a_wheel_without_its_compiled_part_is_as_good_as_none(
    small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "coremltools.libmilstoragepython", None)
    with pytest.raises(FormatUnavailableError, match=r"coremltools does not load"):
        write(small, tmp_path / "x.mlpackage")


def test_a_palette_says_what_it_needs(small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else find_spec(name))
    with pytest.raises(FormatUnavailableError, match=r"needs scikit-learn.*--compress int8"):
        write(small, tmp_path / "x.mlpackage", compress=Compression.PALETTE6)
