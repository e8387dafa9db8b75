import pytest

from effmod_bench.screen.help import Entry, Section, print_help

SECTIONS = [
    Section("Where", (Entry("-d, --device DEVICE", "Where to run. " * 12, "cpu"),)),
    Section("How", (Entry("    --a-long-name-for-it VALUE", "It folds."), Entry("    --flag", "It does not."))),
]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_is_as_wide_as_the_screen(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    print_help("Usage: x", "What it does.", SECTIONS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= min(columns, 120)
    assert " ".join(" ".join(lines).split()).count("Where to run.") == 12


def test_names_stand_beside_what_they_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    print_help("Usage: x", "What it does.", SECTIONS, [("x --flag", "the second way")])
    out = capsys.readouterr().out
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[:3] == ["Usage: x", "", "What it does."]
    assert any(line.endswith("[cpu]") for line in lines)
    name, value = lines.index(f"{'      --a-long-name-for-it':32}It folds."), lines.index("        VALUE")
    assert value == name + 1  # what is too long for its column is folded before its value
    assert lines[-2:] == ["Examples", "  x --flag  # the second way"]
