"""Where the time of profiled networks goes: module by module, and the slowest operators."""

from results.report.icicle import icicle, plan_icicle
from results.report.rendering import joined, render
from results.report.report import Report
from results.report.roofline import roofline
from results.report.table import html_table
from results.statistics.profile import Profiled
from results.statistics.profile_plan import Planned, planned_modules, planned_operators
from results.statistics.profile_tree import module_parts, operator_parts
from results.tables.profile_plans import most_table, plan_table
from results.tables.profiles import failures_in_words, profile_table, slowest_table
from results.tables.words import profiled_name
from results.tables.write import OutputFormat


def section(report: Report) -> str | None:
    """The profiles of each store, and why processes of some failed; None where nothing was profiled."""
    several = len(report.stores) > 1
    return joined(
        render(
            "profiles.html",
            profiles=[
                *(_profile(each, store.name if several else None) for each in store.profiles),
                *(_plan(each, store.name if several else None) for each in store.plans),
            ],
            failures=failures_in_words(store.contents.profiles),
        )
        for store in report.stores
        if store.contents.profiles
    )


def _profile(profiled: Profiled, store: str | None) -> str:
    by = "module" if profiled.has_modules else "operator"
    operators = operator_parts(profiled)
    parts = module_parts(profiled) if profiled.has_modules else operators
    # Spaces at the beginning of a cell are nothing in a page, as they are nothing in Markdown.
    table = profile_table(profiled, parts, header=by, output_format=OutputFormat.MARKDOWN)
    name, roof = profiled_name(profiled.artifact.name, profiled.plan, profiled.options), roofline(profiled)
    slowest = slowest_table(operators, profiled.plan.device)
    return render(
        "profile.html",
        name=name,
        store=store,
        run=profiled.run_id,
        figure=icicle(profiled).html() if profiled.has_modules else "",
        roofline=roof.html() if roof else "",
        table=html_table(table, f"Where the time of {name} goes, by {by}"),
        slowest=html_table(slowest, f"The slowest operators of {name}") if by == "module" else "",
    )


def _plan(planned: Planned, store: str | None) -> str:
    by = "module" if planned.has_modules else "operator"
    operators = planned_operators(planned)
    parts = planned_modules(planned) if planned.has_modules else operators
    table = plan_table(planned, parts, header=by, output_format=OutputFormat.MARKDOWN)
    name = planned.artifact.name
    most = most_table(operators)
    return render(
        "profile.html",
        name=name,
        store=store,
        run=planned.run_id,
        figure=plan_icicle(planned).html() if planned.has_modules else "",
        roofline="",
        table=html_table(table, f"Where the work of {name} is, as the plan estimates it, by {by}"),
        slowest=html_table(most, f"Operators of {name}, as the plan estimates them") if by == "module" else "",
    )
