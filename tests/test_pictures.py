"""The pictures beside the records are those that docs/pictures.md draws."""

import re
import shlex
from pathlib import Path

import pytest

from tests.effmod_bench.support import effmod

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "results" / "measured"
LARGEST_BYTES = 150_000
COMMANDS = [
    shlex.split(line)
    for line in (ROOT / "docs" / "pictures.md").read_text().splitlines()
    if re.match(r"effmod plot results/measured/", line)
]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1].removeprefix("results/measured/"))
def test_a_command_names_a_store_and_the_picture_that_lies_in_it(command: list[str]) -> None:
    _, _, store, *_, output, picture = command
    assert output == "--output"
    assert list(Path(store).glob("*.json"))
    assert Path(picture).parent == Path(store)
    assert 1000 < Path(picture).stat().st_size < LARGEST_BYTES


def test_each_store_has_a_picture_and_each_picture_its_command() -> None:
    drawn = [ROOT / command[-1] for command in COMMANDS]
    assert len(set(drawn)) == len(drawn)
    assert set(drawn) == set(MEASURED.glob("*/*.png"))
    assert {picture.parent for picture in drawn} == {store for store in MEASURED.iterdir() if store.is_dir()}


def test_a_command_draws_its_picture(tmp_path: Path) -> None:
    """One of few records: all of them take seconds each."""
    (command,) = [command for command in COMMANDS if "figure-2" in command[-1]]
    done = effmod(*command[1:-1], str(tmp_path / "drawn.png"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "drawn.png").stat().st_size > 10_000
