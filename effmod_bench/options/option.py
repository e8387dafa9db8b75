"""How an option is written down: once, with its rules, and beside the others of its panel."""

import copy
from typing import Any, get_args

import typer

# The panels of a command's help, in the order in which they stand: each answers a question.
WHAT = "What to time"
PRECISELY = "How precisely"
WHERE = "Where"
CPU = "Settings of the CPU"
GPU = "Settings of the GPU"
APPLE = "Settings of Apple's"
FILE = "The file made first"
OUTPUT = "Records and output"
PANELS = (WHAT, PRECISELY, WHERE, CPU, GPU, APPLE, FILE, OUTPUT)

WRITTEN = "written"
"""Marks a command's field that is no option: the options that the user wrote, whatever their values."""

# What a command may say of a shared option in words of its own; its parser and its meaning are the same everywhere.
_WORDS = frozenset({"help", "show_default", "metavar", "hidden", "rich_help_panel", "autocompletion"})


def option(*names: str, help: str, panel: str | None = None, rare: bool = False, **rules: Any) -> Any:  # noqa: A002
    """An option of typer's.

    Args:
        names: as they are written; none for that of the field.
        panel: of the help, in which it stands.
        rare: left out of `--help`, and shown by `--help-all`.
        rules: typer's.
    """
    return typer.Option(*names, help=help, rich_help_panel=panel, hidden=rare, **rules)


def argument(metavar: str, *, help: str, **rules: Any) -> Any:  # noqa: A002 - typer's word
    """An argument of typer's, whose default is said in its help, if anywhere."""
    return typer.Argument(metavar=metavar, help=help, **({"show_default": False} | rules))


def but(shared: Any, **words: Any) -> Any:
    """A shared option in other words.

    Args:
        shared: the type that it is annotated to.
        words: help, show_default, metavar, hidden, rich_help_panel: what a person reads; autocompletion: what a shell
            offers him.

    Raises:
        TypeError: another rule of it was to be changed, and one option has one meaning.
    """
    if not words.keys() <= _WORDS:
        raise TypeError(f"an option has one meaning: {', '.join(sorted(words.keys() - _WORDS))} cannot be changed")
    _, info = get_args(shared)
    changed = copy.copy(info)
    for name, value in words.items():
        setattr(changed, name, value)
    changed.declared_as = declared_as(info)
    return changed


def declared_as(info: Any) -> Any:
    """The option that one in other words is."""
    return getattr(info, "declared_as", info)
