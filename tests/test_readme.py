"""The README's commands do what it says: each block of commands is marked for how it is tested."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BIN = Path(sys.executable).parent
# One process for all of them, since a command finds what those before it have made.
pytestmark = pytest.mark.xdist_group("readme")


def _blocks() -> list[tuple[str, list[str]]]:
    """The mark and the commands of each `sh` block; an unmarked block has the mark "".

    A mark is the comment before the block, such as `<!-- test: run -->`.
    """
    blocks, mark = [], ""
    for token in MarkdownIt().parse(README.read_text()):
        if token.type == "html_block":
            found = re.search(r"test: (.+?) -->", token.content)
            mark = found[1] if found else ""
        elif token.type == "fence":
            if token.info == "sh":
                lines = token.content.replace("\\\n", " ").splitlines()
                blocks.append((mark, [line for line in lines if line and not line.startswith("#")]))
            mark = ""
    return blocks


def _commands(mark: str) -> list[str]:
    return [command for found, commands in _blocks() if found == mark for command in commands]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh clone's, where the commands run one after the other."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "results").symlink_to(ROOT / "results")
    return folder


def _run(command: str, folder: Path) -> None:
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_every_block_says_how_it_is_tested() -> None:
    assert {mark.partition(":")[0] for mark, _ in _blocks()} <= {"run", "dry-run", "make", "not run"}


@pytest.mark.parametrize("command", _commands("run"))
def test_a_command_works(command: str, workplace: Path) -> None:
    _run(command, workplace)


@pytest.mark.parametrize("command", _commands("dry-run"))
def test_a_long_command_works_as_a_dry_run(command: str, workplace: Path) -> None:
    assert command.startswith("effmod bench")
    _run(f"{command.partition('#')[0]} --dry-run", workplace)


@pytest.mark.parametrize("command", _commands("make"))
def test_make_knows_the_target(command: str) -> None:
    make, *arguments = shlex.split(command, comments=True)
    assert make == "make"
    done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_that_it_links_to_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    local = [link for link in links if "://" not in link]
    assert local
    assert not [link for link in local if not (ROOT / link).exists()]
