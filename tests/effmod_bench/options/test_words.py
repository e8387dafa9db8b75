import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from models import list_tables


def help_of(command: str) -> str:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    return " ".join(shown.replace("│", " ").split())


@pytest.mark.parametrize("command", ["list", "export", "bench"])
def test_the_help_names_the_tables_that_there_are(command: str) -> None:
    assert list_tables() == [*map(str, range(1, 8)), *map(str, range(9, 13)), "L"]
    assert "1 to 7, 9 to 12, or L" in help_of(command)


@pytest.mark.parametrize("command", ["info", "export", "verify", "bench", "tune"])
def test_the_help_says_how_networks_are_named_that_are_not_of_the_zoo(command: str) -> None:
    assert "timm:NAME for one of timm's, path/to/file.py:function for your own" in help_of(command)
