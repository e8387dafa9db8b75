import os
import time
from pathlib import Path

import pytest

from results.whole import whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert (path.read_text(), names(tmp_path)) == ("new", ["page.html"])


def test_a_file_that_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def write() -> None:
        with whole(path) as partial:
            partial.write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert (path.read_text(), names(tmp_path)) == ("old", ["page.html"])


def test_what_killed_processes_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    for name, age_s in ((".effmod-partial-dead", 7200), (".effmod-partial-alive", 60), (".effmod-mine", 7200)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "maps.png").touch()
        os.utime(folder, (time.time() - age_s,) * 2)
    with whole(tmp_path / "maps.png") as partial:
        partial.touch()
    assert names(tmp_path) == [".effmod-mine", ".effmod-partial-alive", "maps.png"]
