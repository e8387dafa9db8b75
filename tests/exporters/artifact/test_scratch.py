import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporters.artifact.files import _bring_back
from exporters.artifact.scratch import scratch, sweep

ROOT = Path(__file__).resolve().parents[3]
OWNER = f"""
import sys, time
sys.path.append({str(ROOT)!r})
from pathlib import Path
from exporters.artifact.scratch import scratch
with scratch(Path(), "work-") as folder:
    (folder / "half").touch()
    print(folder, flush=True)
    time.sleep(600)
"""


@contextmanager
def owner(place: Path) -> "Iterator[tuple[subprocess.Popen[str], Path]]":
    """A process that works in a folder."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=place) as process:
        assert process.stdout is not None
        yield process, place / process.stdout.readline().strip()
        process.kill()


def test_a_folder_lasts_as_long_as_the_block_whatever_happens_in_it(tmp_path: Path) -> None:
    with scratch(tmp_path, "work-") as folder:
        assert folder.parent == tmp_path
        (folder / "half").touch()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), scratch(tmp_path, "work-"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    users = tmp_path / "work-of-the-user"
    users.mkdir()
    with owner(tmp_path) as (living, kept):
        with owner(tmp_path) as (process, left):
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert (left / "half").exists()
        with scratch(tmp_path, "work-") as own:
            sweep(tmp_path, "work-")
            assert set(tmp_path.iterdir()) == {users, kept, own}
        assert (kept / "half").exists()
        assert living.poll() is None


def test_what_stepped_aside_for_a_new_package_comes_back_where_that_did_not_take_its_name(tmp_path: Path) -> None:
    for number, name in enumerate(("gone.mlpackage", "there.mlpackage")):
        aside = tmp_path / f".partial-{number}" / "aside" / name
        aside.mkdir(parents=True)
        (aside / "old").touch()
        (aside.parent.parent / ".owner").touch()
    (tmp_path / "there.mlpackage").mkdir()
    sweep(tmp_path, ".partial-", rescue=_bring_back)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "gone.mlpackage",
        "gone.mlpackage/old",
        "there.mlpackage",
    ]
