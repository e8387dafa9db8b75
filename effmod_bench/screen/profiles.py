"""A profile on the screen."""

from collections.abc import Sequence

import msgspec

from effmod_bench.screen.console import Console
from effmod_bench.screen.profile_plans import print_plan
from results.records.profile import Profile
from results.statistics.profile import Part, Profiled, profiles_of_runs, without_profile
from results.statistics.profile_difference import (
    have_common_modules,
    kind_differences,
    module_differences,
    operator_differences,
)
from results.statistics.profile_plan import Planned, plans_of_runs
from results.statistics.profile_tree import DEPTH, kind_parts, module_parts, operator_parts
from results.tables.profiles import (
    blank_profile_tables,
    difference_table,
    failures_in_words,
    profile_table,
    profiles_table,
    slowest_table,
)
from results.tables.words import profiled_name
from results.tables.write import OutputFormat


def print_profile(
    console: Console,
    profiled: Profiled,
    output_format: OutputFormat,
    *,
    by: str,
    depth: int = DEPTH,
) -> None:
    """A profile by modules, operators or kinds; on a screen the slowest operators, too.

    Args:
        by: "module", "operator" or "kind".
        depth: of modules.
    """
    parts = _parts(profiled, by, depth, operators=console.verbosity >= 1)
    for_programs = output_format in (OutputFormat.CSV, OutputFormat.JSON)
    console.table(profile_table(profiled, parts, header=by, output_format=output_format), output_format)
    if by != "operator" and not for_programs:
        console.table(slowest_table(operator_parts(profiled), profiled.plan.device), output_format)
    _say_failures(console, profiled)


def print_profiles(console: Console, records: Sequence[Profile], output_format: OutputFormat, *, whole: bool) -> None:
    """The profiles of a store: a list of them, or each of them whole; of two that ran by turns, where they differ.

    What none of them speaks for, since every process of it failed, is said with its reason.
    """
    profiles, plans = profiles_of_runs(records), plans_of_runs(records)
    if not profiles and not plans:
        if output_format is not OutputFormat.TABLE:
            _print_nothing(console, output_format, whole=whole)
    elif whole:
        _print_whole(console, profiles, plans, output_format)
    else:
        console.table(profiles_table((*profiles, *plans)), output_format)
    for failed in failures_in_words(without_profile(records)):
        console.warn(f"failed: {failed}")


def _print_nothing(console: Console, output_format: OutputFormat, *, whole: bool) -> None:
    """A table without rows: programs are told that there is none."""
    if whole:
        blank, _ = blank_profile_tables("module", output_format)
        console.table(blank, output_format)
    else:
        console.table(profiles_table(()), output_format)


def _print_whole(
    console: Console, profiles: Sequence[Profiled], plans: Sequence[Planned], output_format: OutputFormat
) -> None:
    for planned in plans:
        print_plan(console, planned, output_format, by="module" if planned.has_modules else "operator")
    if len(profiles) == 2:
        before, after = profiles
        by = "module" if have_common_modules(before, after) else "kind"
        print_differences(console, before, after, output_format, by=by)
        return
    for profiled in profiles:
        print_profile(console, profiled, output_format, by="module" if profiled.has_modules else "operator")


def _parts(profiled: Profiled, by: str, depth: int, *, operators: bool) -> tuple[Part, ...]:
    if by == "operator":
        return operator_parts(profiled)
    if by == "kind":
        return kind_parts(profiled)
    return module_parts(profiled, depth=depth, operators=operators)


def print_differences(
    console: Console, before: Profiled, after: Profiled, output_format: OutputFormat, *, by: str, depth: int = DEPTH
) -> None:
    """Where two profiles differ; by modules, on a screen by kinds of operators, too.

    Args:
        by: "module", "operator" or "kind".
        depth: of modules.
    """
    for_programs = output_format in (OutputFormat.CSV, OutputFormat.JSON)
    if by == "module":
        parts = module_differences(before, after, depth=depth)
    else:
        parts = kind_differences(before, after) if by == "kind" else operator_differences(before, after)
    table = difference_table(before, after, parts, header=by, output_format=output_format)
    console.table(table, output_format)
    # Two runtimes have no kinds of operators in common.
    if by == "module" and not for_programs and before.options.runtime is after.options.runtime:
        kinds = difference_table(
            before, after, kind_differences(before, after), header="kind", output_format=output_format
        )
        again = msgspec.structs.replace(kinds, title="The same by kind of operator", subtitle=None, notes=())
        console.table(again, output_format)
    for profiled in (before, after):
        _say_failures(console, profiled)


def _say_failures(console: Console, profiled: Profiled) -> None:
    name = profiled_name(profiled.artifact.name, profiled.plan, profiled.options)
    for failure in dict.fromkeys(profiled.failures):
        console.warn(f"{name}: failed: {failure}")
