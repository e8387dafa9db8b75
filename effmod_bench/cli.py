"""The command line: every command bound to its struct, and what one raises turned into a message and an exit code."""

import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from effmod_bench import __version__
from effmod_bench.binder import HELP_OPTIONS, bind
from effmod_bench.commands import COMMANDS, Group
from effmod_bench.errors import ExitCode, describe, exit_code
from effmod_bench.options.parse import is_text
from effmod_bench.screen.console import Console
from effmod_bench.screen.help import Entry, Section, print_help
from effmod_bench.streams import PrintError
from results.tables.visible import visible


class HelpfulGroup(TyperGroup):
    """A group whose help lists its commands, each with the first line of what it does."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        listed = [Entry(name, command.get_short_help_str(120)) for name, command in commands if command]
        options = [
            Entry(", ".join(sorted(parameter.opts, key=len)), getattr(parameter, "help", None) or "")
            for parameter in self.get_params(ctx)
            if not getattr(parameter, "hidden", False)
        ]
        sections = [Section("Commands", tuple(listed)), Section("Options", tuple(options))]
        print_help(self.get_usage(ctx), self.help or "", sections)


class Commands(HelpfulGroup):
    """Turns what a command raises into a message and an exit code."""

    def make_context(self, info_name: Any, args: list[str], *rest: Any, **settings: Any) -> Any:
        try:
            _check_text(args)
            return super().make_context(info_name, args, *rest, **settings)
        except Exception as error:
            _clean(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, PrintError):
            raise
        except KeyboardInterrupt as error:
            Console().error("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except Exception as error:
            if hasattr(error, "format_message"):  # a wrong option: typer's own to show
                _clean(error)
                raise
            code = exit_code(error)
            message = _log_bug(error) if code is ExitCode.BUG else describe(error)
            Console().error(message)
            raise typer.Exit(code) from error


def _check_text(arguments: list[str]) -> None:
    """Refuse the name of a file that is no text: neither a record nor a sidecar could hold it.

    Raises:
        typer.BadParameter: there is one.
    """
    for argument in arguments:
        if not is_text(argument):
            raise typer.BadParameter(f"{argument} is no text in UTF-8; rename the file, or what else it names")


def _clean(error: Exception) -> None:
    """Typer prints what the user wrote as it is, and the name of Python's error before its words."""
    if isinstance(message := getattr(error, "message", None), str):
        error.message = visible(message).removeprefix("Value error, ")  # type: ignore[attr-defined]


def _log_bug(error: Exception) -> str:
    import traceback

    import platformdirs

    from effmod_bench.instrument.clock import utc_now

    log = platformdirs.user_log_path("effmod", appauthor=False) / f"bug-{utc_now():%Y%m%dT%H%M%S}-{os.getpid()}.log"
    said = f"a bug in effmod: {type(error).__name__}: {error}"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(
            f"effmod {__version__}\n{''.join(traceback.format_exception(error))}",
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError:
        return said
    return f"{said}; please report it with {log}"


app = typer.Typer(
    cls=Commands,
    name="effmod",
    help="Export efficient vision networks, and measure their latency with numbers that can be trusted.",
    context_settings=HELP_OPTIONS,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        Console().print(f"effmod {__version__}")
        raise typer.Exit


def _print_help(context: typer.Context) -> None:
    """Alone, a group says what it has, and that is no mistake."""
    if context.invoked_subcommand is None:
        context.get_help()


@app.callback(invoke_without_command=True)
def effmod(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback has printed it
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    _print_help(context)


def _bind_all(to: typer.Typer, commands: dict[str, Any]) -> None:
    for name, command in commands.items():
        if isinstance(command, Group):
            group = typer.Typer(cls=HelpfulGroup, help=command.help, context_settings=HELP_OPTIONS)
            group.callback(invoke_without_command=True)(_print_help)
            _bind_all(group, dict(command.commands))
            to.add_typer(group, name=name)
        else:
            bind(to, name, command)


_bind_all(app, COMMANDS)
