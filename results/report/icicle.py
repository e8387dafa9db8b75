"""Where the time of an inference goes: its modules, each as wide as its share, those in it below it."""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import msgspec

from results.records.profile import ProfiledOperator
from results.report.figures import COLOURS, Figure, hover
from results.report.words import in_plot
from results.statistics.profile import Profiled
from results.statistics.profile_plan import Planned
from results.statistics.profile_tree import Tree, tree_of
from results.tables.words import counted, milliseconds, percent, profiled_name

_LEVELS = 4  # that are seen at once; a click on a module goes deeper
_ROOT = "(all)"


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    """A module.

    Attributes:
        parent: the path of what it is in; "" for the network itself.
        own: what operators take that are in none of the modules below it.
        all: what all take.
    """

    path: str
    name: str
    parent: str
    own: float
    all: float
    operators: int


def icicle(profiled: Profiled) -> Figure:
    """The tree of a profile whose operators say of what modules they are."""
    times = [fmean(each) for each in zip(*profiled.process_ms, strict=True)]
    name = profiled_name(profiled.artifact.name, profiled.plan, profiled.options)
    return _icicle(
        profiled.artifact.name,
        profiled.operators,
        times,
        label=f"Modules of {name}, by their share of the time of all operators",
        of="the time of all operators",
        show=lambda ms: f"{milliseconds(ms)} ms",
    )


def plan_icicle(planned: Planned) -> Figure:
    """The same of a plan, by what it estimates."""
    return _icicle(
        planned.artifact.name,
        planned.operators,
        planned.estimated_shares,
        label=f"Modules of {planned.artifact.name}, by their share of the work, as the plan estimates it",
        of="the work, as Core ML's plan estimates it",
        show=lambda _: "estimated",
    )


def _icicle(
    name: str,
    operators: Sequence[ProfiledOperator],
    taken: Sequence[float],
    *,
    label: str,
    of: str,
    show: Callable[[float], str],
) -> Figure:
    root = tree_of([operator.module for operator in operators])
    nodes = list(_nodes(root, _ROOT, name, "", taken))
    whole = nodes[0].all
    return Figure(
        traces=(
            {
                "type": "icicle",
                "ids": [node.path for node in nodes],
                "parents": [node.parent for node in nodes],
                "labels": [in_plot(node.name) for node in nodes],
                # What is left of a module beside those in it: totals, rounded, might be less than their sum.
                "values": [node.own for node in nodes],
                "branchvalues": "remainder",
                "tiling": {"orientation": "v"},
                "sort": False,
                "maxdepth": _LEVELS,
                "textinfo": "label+percent root",
                "hovertext": [_hover(node, whole, show) for node in nodes],
                "hoverinfo": "text",
            },
        ),
        layout={"iciclecolorway": COLOURS, "margin": {"l": 4, "r": 4, "t": 4, "b": 4}},
        label=label,
        caption=f"A module is as wide as its share of {of}; those in it stand below it, in the order in which they "
        "run. A click goes into a module, one on the line above it back.",
        height=340,
    )


def _nodes(tree: Tree, path: str, name: str, parent: str, times: Sequence[float]) -> Iterator[_Node]:
    operators = tree.all_operators()
    yield _Node(
        path=path,
        name=name,
        parent=parent,
        own=sum(times[i] for i in tree.operators),
        all=sum(times[i] for i in operators),
        operators=len(operators),
    )
    for child in sorted(tree.levels(), key=Tree.position):
        yield from _nodes(child, child.path, child.path.removeprefix(f"{tree.path}."), path, times)


def _hover(node: _Node, whole: float, show: Callable[[float], str]) -> str:
    share = f", {percent(node.all / whole)}" if whole else ""
    lines = (f"{show(node.all)}{share}", counted(node.operators, "operator"))
    return hover(node.name if node.path == _ROOT else node.path, lines)
