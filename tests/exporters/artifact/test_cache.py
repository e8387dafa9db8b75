import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exporters.artifact.cache
import exporters.artifact.versions
import exporters.making.file
import exporters.making.key
import exporters.proof.parity
from exporters import ExportConfig, OutputError, clear_cache, is_cached, obtain
from exporters.artifact.cache import keep
from models import ModelSpec
from tests.exporters.support import CONFIG, COREML, needs_coremltools


def test_a_full_cache_can_be_cleared_or_put_elsewhere(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputError, match=r"'effmod cache clear' does\), or name another folder in EFFMOD_CACHE"):
        keep("key", "x.onnx", read=lambda _: None, make=lambda path: path.write_bytes(b"x"))
    assert not list(cache.rglob("x.onnx"))


def test_the_cache_counts_and_clears(
    spec: ModelSpec, cache: Path, keep_copy: Callable[[ModelSpec, ExportConfig], None]
) -> None:
    assert clear_cache().artifacts == 0
    keep_copy(spec, CONFIG)
    obtain(spec, CONFIG)
    info = exporters.cache_info()
    assert (info.path, info.artifacts) == (str(cache), 1)
    assert info.size_bytes > 10_000_000
    clear_cache()
    assert exporters.cache_info().artifacts == 0
    assert not is_cached(spec, CONFIG)


@needs_coremltools
def test_packages_are_counted_with_all_their_files(
    spec: ModelSpec, cache: Path, keep_copy: Callable[[ModelSpec, ExportConfig], None]
) -> None:
    keep_copy(spec, COREML)
    made = obtain(spec, COREML)
    info = exporters.cache_info()
    sidecar = made.path.with_name(made.path.name + ".json")
    assert cache.is_dir()
    assert (info.artifacts, info.size_bytes) == (1, made.artifact.size_bytes + sidecar.stat().st_size)
