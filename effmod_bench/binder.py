"""A command from a struct: its fields are its options, and a field that is a struct itself is a group of them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, ClassVar, Protocol, get_args, get_origin, get_type_hints

import msgspec
import typer
from typer.core import TyperCommand, TyperOption
from typer.models import OptionInfo

from effmod_bench.options.option import PANELS, WRITTEN
from effmod_bench.options.output import arrangement
from effmod_bench.screen.console import Console
from effmod_bench.screen.help import Entry, Section, print_help

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class Command(Protocol):
    """What a struct of `effmod_bench.commands` has.

    Attributes:
        examples: for its help: what one enters, and what that does.
        panels: other titles for panels of the help, where the shared ones do not fit.
    """

    def run(self, console: Console) -> int | None:
        """Do it; returns the exit code where it is not 0."""
        ...


class _Leaf(msgspec.Struct, frozen=True):
    """One option: its field's name, type and default, and the groups that it lies in."""

    name: str
    kind: Any
    default: Any
    groups: tuple[str, ...]


def bind(app: typer.Typer, name: str, kind: type[Command]) -> None:
    """Add a command to a group.

    Raises:
        TypeError: two of its fields have one name.
    """
    leaves = list(_leaves(kind))
    names = [leaf.name for leaf in leaves]
    if repeated := {each for each in names if names.count(each) > 1}:
        raise TypeError(f"'effmod {name}' has two fields of one name: {', '.join(sorted(repeated))}")

    def call(context: typer.Context, **given: Any) -> None:
        command = _build(kind, leaves, given, _written(context))
        console = Console(-1 if given.get("quiet") else given.get("verbose", 0), arrangement(given))
        code = command.run(console)
        if code:
            raise typer.Exit(code)

    parameters = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    parameters += [
        inspect.Parameter(leaf.name, inspect.Parameter.KEYWORD_ONLY, annotation=leaf.kind, default=leaf.default)
        for leaf in leaves
    ]
    if any(_info(leaf.kind).hidden for leaf in leaves):
        everything = Annotated[
            bool, typer.Option("--help-all", help="Show every option.", is_eager=True, callback=_print_all)
        ]
        parameters.append(
            inspect.Parameter("help_all", inspect.Parameter.KEYWORD_ONLY, annotation=everything, default=False)
        )
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    facts = {
        "leaves": tuple(leaves),
        "examples": getattr(kind, "examples", ()),
        "panels": getattr(kind, "panels", {}),
    }
    shown = type(f"{kind.__name__}Command", (HelpfulCommand,), facts)
    app.command(name, cls=shown, help=inspect.getdoc(kind), context_settings=HELP_OPTIONS)(call)


def _leaves(kind: type[Any], default: Any = None, groups: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    """The options of a struct and of the groups within it, each with the default that the outermost one gives it."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if WRITTEN in get_args(hint):
            continue
        own = _default(field) if default is None else getattr(default, field.name)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _leaves(hint, None if own is inspect.Parameter.empty else own, (*groups, field.name))
        else:
            yield _Leaf(field.name, hint, own, groups)


def _default(field: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is msgspec.NODEFAULT else field.default


def _build(
    kind: type[Any],
    leaves: list[_Leaf],
    given: Mapping[str, Any],
    written: tuple[str, ...],
    groups: tuple[str, ...] = (),
) -> Any:
    """The struct of what the user gave."""
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {leaf.name: given[leaf.name] for leaf in leaves if leaf.groups == groups}
    for name, hint in hints.items():
        if WRITTEN in get_args(hint):
            values[name] = written
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            values[name] = _build(hint, leaves, given, written, (*groups, name))
    return kind(**values)


def _written(context: typer.Context) -> tuple[str, ...]:
    """The options that the user wrote, as they are called in full."""
    found = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if isinstance(parameter, TyperOption) and source is not None and source.name == "COMMANDLINE":
            found.append(max(parameter.opts, key=len))
    return tuple(found)


def _info(kind: Any) -> Any:
    """Typer's account of an option, which its type is annotated with."""
    assert get_origin(kind) is Annotated, kind
    return get_args(kind)[1]


def _print_all(context: typer.Context, asked: bool) -> None:
    if asked:
        print_help(*context.command.described(context, everything=True))  # type: ignore[attr-defined]
        raise typer.Exit


class HelpfulCommand(TyperCommand):
    """A command whose help has its options by the questions that they answer, and examples."""

    leaves: ClassVar[tuple[_Leaf, ...]]
    examples: ClassVar[tuple[tuple[str, str], ...]]
    panels: ClassVar[dict[str, str]]

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        print_help(*self.described(ctx))

    def described(
        self, ctx: Any, *, everything: bool = False
    ) -> tuple[str, str, list[Section], Sequence[tuple[str, str]]]:
        """What `print_help` takes.

        Args:
            everything: rare options, too.
        """
        sections: dict[str, list[Entry]] = {"Arguments": [], **{panel: [] for panel in PANELS}, "Options": []}
        shown = [leaf for leaf in self.leaves if everything or not _info(leaf.kind).hidden]
        for leaf in shown:
            info = _info(leaf.kind)
            panel = info.rich_help_panel or ("Options" if isinstance(info, OptionInfo) else "Arguments")
            sections[panel].append(_entry(leaf))
        sections["Options"].append(Entry("-h, --help", "Show this message."))
        if more := len(self.leaves) - len(shown):
            sections["Options"].append(Entry("    --help-all", f"Show {more} options more."))
        titled = [Section(self.panels.get(panel, panel), tuple(each)) for panel, each in sections.items() if each]
        return self.get_usage(ctx), self.help or "", titled, self.examples

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        arguments = [info for info in (_info(leaf.kind) for leaf in self.leaves) if not isinstance(info, OptionInfo)]
        return ["[OPTIONS]", *(info.metavar for info in arguments)]


def _entry(leaf: _Leaf) -> Entry:
    """How an option or argument is written, and what it does."""
    info, kind = _info(leaf.kind), _plain(leaf.kind)
    default = _default_in_words(info.show_default, leaf.default)
    if not isinstance(info, OptionInfo):
        return Entry(info.metavar or leaf.name.upper(), info.help or "", default)
    # Typer takes the first name of an annotated option for its default, until it makes the option.
    named = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    names = sorted(named or [f"--{leaf.name.replace('_', '-')}"], key=len)
    if len(names) == 1:
        names[0] = f"    {names[0]}"  # below the long names of options that have a short one, too
    choices = "|".join(each.value for each in kind) if issubclass(kind, StrEnum) else ""
    value = "" if kind is bool or info.count else f" {info.metavar or choices}"
    return Entry(", ".join(names) + value, info.help or "", default)


def _plain(kind: Any) -> Any:
    """The type of an option's value, without None."""
    of = get_args(kind)[0]
    return next((each for each in get_args(of) if each is not type(None)), of) if isinstance(of, UnionType) else of


def _default_in_words(shown: bool | str, default: Any) -> str | None:
    if isinstance(shown, str):
        return shown
    if not shown or default is None or default is inspect.Parameter.empty or isinstance(default, bool):
        return None
    return str(default) or None
