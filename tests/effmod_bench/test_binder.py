import os
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from effmod_bench.binder import bind
from effmod_bench.cli import app
from effmod_bench.commands import COMMANDS, Group
from effmod_bench.options.option import WRITTEN, argument, but, declared_as, option
from effmod_bench.screen.console import Console

EVERY: dict[str, type[Any]] = {}
for name, command in COMMANDS.items():
    if isinstance(command, Group):
        EVERY |= {f"{name} {inner}": kind for inner, kind in command.commands.items()}
    else:
        EVERY[name] = command


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Paint(msgspec.Struct, frozen=True, kw_only=True):
    colour: Annotated[Colour, option("--colour", "-c", help="Of the paint.")] = Colour.RED
    coats: Annotated[int, option(metavar="N", min=1, help="How many.", rare=True)] = 1


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    paint: Paint = Paint(coats=2)
    height: Annotated[float, option(metavar="M", help="In metres.")] = 2.5


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Build a house."""

    examples: ClassVar = (("house a b", "a house"),)

    rooms: Annotated[list[str] | None, argument("[ROOM]...", help="What is in it.")] = None
    wall: Wall = Wall(height=3.0)
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> int:
        console.print(msgspec.json.encode(self).decode())
        return 3 if self.rooms == ["ruin"] else 0


def invoke(kind: type[Any], *arguments: str) -> Any:
    bound = typer.Typer()
    bound.callback()(lambda: None)  # or a single command would have no name
    bind(bound, "house", kind)
    return CliRunner().invoke(bound, ["house", *arguments])


def test_groups_within_groups_have_their_own_defaults_and_a_command_is_json() -> None:
    done = invoke(House)
    assert done.exit_code == 0, done.output
    assert msgspec.json.decode(done.output, type=House) == House()
    assert House().wall == Wall(paint=Paint(colour=Colour.RED, coats=2), height=3.0)


def test_what_the_user_writes_goes_to_its_group_and_is_known_by_its_long_name() -> None:
    done = invoke(House, "kitchen", "-c", "blue", "--coats", "2", "hall")
    expected = House(
        rooms=["kitchen", "hall"],
        wall=Wall(paint=Paint(colour=Colour.BLUE, coats=2), height=3.0),
        written=("--colour", "--coats"),
    )
    assert msgspec.json.decode(done.output, type=House) == expected


def test_the_exit_code_is_what_the_command_returns() -> None:
    assert invoke(House, "ruin").exit_code == 3
    assert invoke(House, "--coats", "0").exit_code == 2


def test_two_fields_of_one_name_are_refused() -> None:
    class Twice(msgspec.Struct, frozen=True, kw_only=True):
        wall: Wall = Wall()
        colour: Annotated[str, option(help="Another one.")] = "green"

        def run(self, console: Console) -> None: ...

    with pytest.raises(TypeError, match="two fields of one name: colour"):
        bind(typer.Typer(), "twice", Twice)


def test_rare_options_are_left_for_help_all() -> None:
    few, every = invoke(House, "-h").output, invoke(House, "--help-all").output
    assert "--colour" in few
    assert "red|blue" in few
    assert "[3.0]" in few
    assert "--coats" not in few
    assert "--help-all" in few
    assert "--coats N" in every
    assert "house a b  # a house" in few


def leaves(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from leaves(hint)
        elif len(get_args(hint)) > 1 and WRITTEN not in get_args(hint) and "Info" in type(get_args(hint)[1]).__name__:
            yield name, get_args(hint)[1]


def test_an_option_is_written_in_one_place_whatever_commands_have_it() -> None:
    places: dict[str, set[int]] = defaultdict(set)
    for kind in EVERY.values():
        for name, info in leaves(kind):
            if type(info).__name__ == "OptionInfo":
                places[name].add(id(declared_as(info)))
    assert len(places) > 40
    assert {name for name, found in places.items() if len(found) > 1} == set()


def shown(*arguments: str, columns: int) -> list[str]:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns)})
    assert done.exit_code == 0, done.output
    return [line.rstrip() for line in done.stdout.rstrip().splitlines()]


@pytest.mark.parametrize("name", EVERY)
def test_help_fits_on_a_screen_and_has_every_option_somewhere(name: str) -> None:
    few, every = shown(*name.split(), "-h", columns=100), shown(*name.split(), "--help", columns=80)
    assert len(few) < 60
    assert max(map(len, few)) <= 100
    assert max(len(line) for line in every if not line.startswith("  effmod ")) <= 80  # examples are lines to be copied
    options = {info for _, info in leaves(EVERY[name]) if type(info).__name__ == "OptionInfo"}
    if any(info.hidden for info in options):
        every = shown(*name.split(), "--help-all", columns=140)
    assert sum(line.lstrip().startswith("-") for line in every) >= len(options) + 1


def test_the_help_of_bench_has_what_is_asked_first() -> None:
    lines = shown("bench", "--help", columns=100)
    names = [line.split()[0] for line in lines if line.startswith(("  -", "      --"))]
    assert 12 <= len(names) <= 20
    titles = [line for line in lines if line and not line.startswith(" ")]
    order = ["Arguments", "What to time", "How precisely", "Where", "The file made first", "Records and output"]
    assert [title for title in titles if title in order] == order
    assert len(lines) - lines.index("Examples") - 1 == 4
    every = shown("bench", "--help-all", columns=100)
    assert {"Settings of the CPU", "Settings of the GPU", "Settings of Apple's"} <= set(every)


def test_examples_of_the_help_can_be_entered() -> None:
    commands = typer.main.get_command(app)
    for name, kind in EVERY.items():
        for example, _ in getattr(kind, "examples", ()):
            program, *words = shlex.split(example)
            assert program == "effmod"
            assert words[: len(name.split())] == name.split()
            context = commands.make_context("effmod", list(words))
            inner: Any = commands
            for word in name.split():
                inner = inner.get_command(context, word)
            inner.make_context(name, words[len(name.split()) :])  # raises where an option is wrong


def test_examples_of_bench_make_sense_together() -> None:
    """What can be entered can still be refused: options that do not go with each other."""
    tried = 0
    for example, _ in EVERY["bench"].examples:
        _, *words = shlex.split(example)
        if not {"--resume", "mine.onnx"} & set(words):  # these need a store, or a file
            done = CliRunner().invoke(app, [*words, "--dry-run"])
            assert done.exit_code == 0, (example, done.output)
            tried += 1
    assert tried == 2


@pytest.mark.parametrize("group", [[], ["record"], ["cache"]])
def test_a_group_alone_says_what_it_has_and_that_is_no_mistake(group: list[str]) -> None:
    lines = shown(*group, columns=80)
    assert "Commands" in lines
    assert lines[0].startswith("Usage: ")
    assert shown(*group, "-h", columns=80) == lines


@pytest.mark.parametrize(("short", "long", "name"), [("-o", "--output", "export"), ("-b", "--batch-size", "bench")])
def test_often_used_options_have_a_letter(short: str, long: str, name: str) -> None:
    assert any(f"{short}, {long}" in line for line in shown(name, "--help", columns=100))
    assert any("-d, --device" in line for line in shown("bench", "--help", columns=100))


@pytest.mark.parametrize(
    ("words", "found", "others"),
    [
        ("effmod bench efficientmod_x", {"efficientmod_xxs", "efficientmod_xs"}, {"resnet18"}),
        ("effmod info efficientmod_xxs_", set(), {"efficientmod_xxs"}),
        ("effmod bench --table 1", {"1", "10", "11", "12"}, {"2", "L"}),
        ("effmod export n", {"net.onnx"}, {"notes.txt"}),
    ],
)
def test_a_shell_completes_networks_tables_and_files(
    words: str, found: set[str], others: set[str], tmp_path: Path
) -> None:
    for name in ("net.onnx", "notes.txt"):
        (tmp_path / name).touch()
    asked = {"_EFFMOD_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "effmod_bench"], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    answers = set(done.stdout.split())
    assert found <= answers
    assert not others & answers


def test_a_rare_option_is_no_secret() -> None:
    assert but(Annotated[int, option("--a", help="", rare=True)], hidden=False).hidden is False
