"""Zips as strangers make them."""

import zipfile
from pathlib import Path

import msgspec

from tests.fakes import make_round

RECORD = msgspec.json.encode(make_round())


def entry(name: str, *, mode: int = 0o100644) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo("x")
    found.filename = found.orig_filename = name  # as written, whatever Python would make of it
    found.external_attr = mode << 16
    return found


def make_zip(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(entry(name) if isinstance(name, str) else name, content, zipfile.ZIP_DEFLATED)
    return path
