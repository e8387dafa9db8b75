"""README and docs/ do what they say: each block of commands is marked for how it is tested; links lead somewhere."""

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from results import StabilityWarning
from tests.fakes import write_onnx

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
LINKING = (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
BIN = Path(sys.executable).parent
# One process for all of them, since a command finds what those before it have made.
pytestmark = pytest.mark.xdist_group("readme")


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text())


def _blocks() -> Iterator[tuple[str, str, str]]:
    """The language, the mark and the text of each block that is code or commands; an unmarked one has the mark "".

    A mark is the comment before the block, such as `<!-- test: run -->`.
    """
    for page in PAGES:
        mark = ""
        for token in _tokens(page):
            if token.type == "html_block":
                found = re.search(r"test: (.+?) -->", token.content)
                mark = found[1] if found else ""
            elif token.type == "fence":
                yield token.info, mark, token.content
                mark = ""


def _commands(mark: str) -> list[str]:
    """The commands of all pages, without their comments, in order; what stands on two pages is run once."""
    texts = [text.replace("\\\n", " ") for language, found, text in _blocks() if language == "sh" and found == mark]
    commands = [re.sub(r"(^|\s+)#.*", "", line) for text in texts for line in text.splitlines()]
    return list(dict.fromkeys(command for command in commands if command))


def _programs() -> list[str]:
    return [text for language, mark, text in _blocks() if language == "python" and mark == "run"]


def _workflow() -> dict[str, Any]:
    """The workflow that docs/ci.md gives to copy, and its only job's steps."""
    (text,) = (text for language, mark, text in _blocks() if language == "yaml" and mark == "run")
    return yaml.safe_load(text)


def _outputs() -> list[tuple[str, list[str]]]:
    """The commands that are shown with what they print, and the lines of it."""
    shown = [text.splitlines() for language, _, text in _blocks() if language == "text" and text.startswith("$ ")]
    return [(lines[0].removeprefix("$ "), [line for line in lines[1:] if line]) for lines in shown]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh clone's, where the commands run one after the other."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "results").symlink_to(ROOT / "results")
    return folder


def _run(command: str, folder: Path) -> str:
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_block_says_how_it_is_tested() -> None:
    marks = {mark.partition(":")[0] for language, mark, _ in _blocks() if language in ("sh", "python")}
    assert marks == {"run", "dry-run", "make", "not run"}
    assert all(mark.startswith("not run: ") for _, mark, _ in _blocks() if mark.startswith("not run"))


@pytest.mark.parametrize("command", _commands("run"))
def test_a_command_works(command: str, workplace: Path) -> None:
    _run(command, workplace)


@pytest.mark.parametrize("command", _commands("dry-run"))
def test_a_long_command_works_as_a_dry_run(command: str, workplace: Path) -> None:
    assert command.startswith("effmod bench")
    _run(f"{command} --dry-run", workplace)


@pytest.mark.parametrize("command", _commands("make"))
def test_make_knows_the_target(command: str) -> None:
    make, *arguments = shlex.split(command)
    assert make == "make"
    done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", _programs())
def test_a_program_works(program: str, workplace: Path) -> None:
    _run(f"python -c {shlex.quote(program)}", workplace)


# Nothing is timed: each process finds the second file so many times as slow as the first.
_EFFMOD = f"""#!{sys.executable}
import csv
import os
from effmod_bench.__main__ import main
from effmod_bench.instrument import place
from tests.effmod_bench.support import timed_in_turn

place.run_job = lambda job, **_: timed_in_turn(job, float(os.environ["RATIO"]))
main()
"""


@pytest.mark.parametrize(("ratio", "code", "verdict"), [(1.01, 0, "passes"), (1.2, 4, "fails")])
def test_the_workflow_puts_its_table_into_the_summary_and_ends_as_its_gate_does(
    ratio: float, code: int, verdict: str, tmp_path: Path
) -> None:
    """Its commands, but for pip's, run in a clone of a repository whose base branch has another file."""
    workflow = _workflow()
    write_onnx(tmp_path / "model.onnx")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "effmod").write_text(_EFFMOD)
    (tmp_path / "bin" / "effmod").chmod(0o755)
    summary = tmp_path / "summary.md"
    environment = (
        os.environ
        | workflow["env"]
        | {
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RATIO": str(ratio),
            "GITHUB_BASE_REF": "main",
            "GITHUB_STEP_SUMMARY": str(summary),
        }
    )

    def run(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        # As the service does where a step names no shell.
        return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)

    git = "git -c user.name=nobody -c user.email=nobody@example.org"
    made = run(
        f"git init -q -b main origin && cp model.onnx origin && cd origin && git add . && {git} commit -qm base && "
        f"cd .. && git clone -q origin clone",
        tmp_path,
    )
    assert made.returncode == 0, made.stderr
    write_onnx(tmp_path / "clone" / "model.onnx", nodes=2)
    commands = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    assert [command.split()[0] for command in commands] == ["pip", "git", "effmod"]
    for command in commands[1:]:
        done = run(command, tmp_path / "clone")
    assert done.returncode == code, done.stderr
    said = summary.read_text()
    assert "| gate" in said
    (row,) = [line for line in said.splitlines() if line.startswith("| model.onnx")]
    assert verdict in [cell.strip() for cell in row.split("|")]
    assert "Gate, at most 5 % slower" in said
    assert (tmp_path / "clone" / "effmod-results").is_dir()


@pytest.mark.parametrize(("command", "lines"), _outputs())
def test_a_table_is_what_its_command_prints(command: str, lines: list[str], workplace: Path) -> None:
    """On paper it has fewer columns than a wide screen: each line's words stand in a line of the output, in order."""
    printed = [line.split() for line in _run(command, workplace).splitlines()]
    for line in lines:
        if not set(line) <= set(" ─"):
            assert any(_in_order(line.split(), words) for words in printed), line


def _in_order(words: list[str], among: list[str]) -> bool:
    rest = iter(among)
    return all(word in rest for word in words)


def _anchors(page: Path) -> set[str]:
    """What a link can end in: a page's headings, spelled as GitHub spells them."""
    tokens = _tokens(page)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _links(page: Path) -> list[str]:
    """The relative links and pictures of a page."""
    parts = [child for token in _tokens(page) for child in token.children or ()]
    targets = [str(part.attrs.get("href") or part.attrs.get("src") or "") for part in parts]
    return [target for target in targets if target and "://" not in target]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), f"there is no {link}"
        assert not anchor or anchor in _anchors(target), f"{link}: no such heading"


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `heading`, two words\n\n[a](#one-heading-two-words) ![b](missing.png)\n")
    assert _links(page) == ["#one-heading-two-words", "missing.png"]
    assert _anchors(page) == {"one-heading-two-words"}


def test_each_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in _links(README)}
    assert set(PAGES[1:]) | {ROOT / "CONTRIBUTING.md"} <= linked


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 200


def test_each_warning_is_explained() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.M)
    assert rows == [str(warning) for warning in StabilityWarning]


def test_files_that_contributing_names_exist() -> None:
    parts = [child for token in _tokens(ROOT / "CONTRIBUTING.md") for child in token.children or ()]
    named = [part.content for part in parts if part.type == "code_inline" and "/" in part.content]
    paths = [
        path for path in named if re.fullmatch(r"(models|exporters|effmod_bench|results|tests|docs)/[\w./]*", path)
    ]
    assert len(paths) > 20
    for path in paths:
        there = re.split(r"[^/]*[A-Z]{2}", path)[0]  # up to a part that stands for any name, such as test_NAME.py
        assert (ROOT / there).exists(), f"there is no {path}"


def test_the_speeds_of_files_are_those_of_the_measurement() -> None:
    with (ROOT / "tests" / "benchmarks" / "default_form.csv").open(encoding="utf-8") as file:
        speeds = {(row["network"], row["form"], row["threads"]): row["speed"] for row in csv.DictReader(file)}
    page = (ROOT / "docs" / "exporting.md").read_text(encoding="utf-8")
    for network in dict.fromkeys(network for network, _, _ in speeds):
        (line,) = re.findall(rf"^\| {network} \| (.*) \|$", page, re.MULTILINE)
        found = [speeds[network, form, threads] for form in ("default", "plain") for threads in "12"]
        assert line.split(" | ") == [str(Decimal(speed).quantize(Decimal("0.01"))) for speed in found]
