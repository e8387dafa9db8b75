"""The help of a command, as wide as the screen: how each option is written beside what it does."""

from collections.abc import Iterable, Sequence

import msgspec

from results.tables.visible import visible

# So wide are names at most: of longer ones the value stands on a line of its own. Longer lines are hard to read.
_NAMES = 28
_WIDTH = 120


class Entry(msgspec.Struct, frozen=True):
    """An option, an argument or a command.

    Attributes:
        written: as the user writes it, with a word for its value.
        about: what it does.
        default: in words; None where none is said.
    """

    written: str
    about: str
    default: str | None = None


class Section(msgspec.Struct, frozen=True):
    """What answers one question."""

    title: str
    entries: tuple[Entry, ...]


def print_help(usage: str, about: str, sections: Sequence[Section], examples: Iterable[tuple[str, str]] = ()) -> None:
    """Print the help of a command or a group.

    Args:
        examples: what one enters, and what that does.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    width = min(console.width, _WIDTH)
    console.print(Text(f"{usage}\n\n{about}", style=""), width=width)
    names = max((len(entry.written) for section in sections for entry in section.entries), default=0)
    for section in sections:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=min(names, _NAMES) + 2, overflow="fold")
        table.add_column()
        for entry in section.entries:
            about_it = Text(entry.about)
            if entry.default is not None:
                about_it.append(f" [{visible(entry.default)}]", style="dim")
            name, _, value = entry.written.rpartition(" ")
            written = entry.written if len(entry.written) <= _NAMES else f"{name}\n        {value}"
            table.add_row(f"  {written}", about_it)
        console.print(Text(f"\n{section.title}", style="bold"))
        console.print(table, width=width)
    if examples := list(examples):
        console.print(Text("\nExamples", style="bold"))
        for command, what in examples:
            console.print(Text.assemble(f"  {command}", (f"  # {what}" if what else "", "dim")), soft_wrap=True)
