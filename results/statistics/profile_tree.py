"""The modules of a profiled network as a tree, each with the time of all operators in it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Protocol, TypeVar

from results.records.profile import ProfiledOperator
from results.statistics.profile import Part, Profiled, part

NOWHERE = "(no module)"
DEPTH = 2
"""How deep the tree is shown by default: stages, and blocks in them."""
_SMALL = 0.005  # what has less than this share is shown together with others of its kind


class Tree:
    """A module, with the operators that are its own and the modules in it.

    Attributes:
        path: "" for the network itself.
        operators: by their place in the runtime's graph.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.operators: list[int] = []
        self.children: dict[str, Tree] = {}

    def all_operators(self) -> list[int]:
        """Its own, and those of what is in it."""
        inner = [i for child in self.children.values() for i in child.all_operators()]
        return sorted([*self.operators, *inner])

    def position(self) -> float:
        """Where in the network it stands: in the middle of its operators, some of which run earlier than one thinks."""
        return median(self.all_operators())

    def levels(self) -> "Iterator[Tree]":
        """What stands right beneath it. A list of modules that computes nothing itself is no level of its own."""
        for child in self.children.values():
            is_list = not child.operators and child.children and all(name.isdecimal() for name in child.children)
            if is_list:
                yield from child.children.values()
            else:
                yield child


def tree_of(modules: Sequence[str | None]) -> Tree:
    """The tree of the modules of a graph's operators."""
    root = Tree("")
    for i, module in enumerate(modules):
        at = root
        for name in module.split(".") if module else [] if module is not None else [NOWHERE]:
            at = at.children.setdefault(name, Tree(f"{at.path}.{name}".removeprefix(".")))
        at.operators.append(i)
    return root


def module_parts(profiled: Profiled, *, depth: int = DEPTH, operators: bool = False) -> tuple[Part, ...]:
    """The modules of a network, the whole of it first, as deep as asked.

    Args:
        operators: show those of each module that is shown beneath it.
    """

    def make(own: Sequence[int], name: str, path: str, depth: int) -> Part:
        return part(profiled, own, name=name, path=path, depth=depth)

    def of_operator(i: int, depth: int) -> Part:
        return operator_part(profiled, i, depth=depth)

    shown = of_operator if operators else None
    return whole_and_modules(profiled.operators, profiled.artifact.name, make, shown, depth=depth)


class Weighed(Protocol):
    """A part of a profile, or of a plan.

    Attributes:
        weight: its share of the whole.
    """

    @property
    def weight(self) -> float: ...


P = TypeVar("P", bound=Weighed)
Make = Callable[[Sequence[int], str, str, int], P]
"""A part of these operators: its name, its path, and how deep it stands."""


def whole_and_modules(
    operators: Sequence[ProfiledOperator],
    whole: str,
    make: Make[P],
    of_operator: Callable[[int, int], P] | None,
    *,
    depth: int,
) -> tuple[P, ...]:
    """All of a profile, or of a plan, first, and then its modules as deep as asked.

    Args:
        whole: its name.
        of_operator: an operator as a part, at a depth; None for no operators.
    """
    root = tree_of([operator.module for operator in operators])
    return (make(range(len(operators)), whole, "", 0), *_walk(root, make, of_operator, depth=depth))


def _walk(
    tree: Tree, make: Make[P], of_operator: Callable[[int, int], P] | None, *, depth: int, level: int = 1
) -> Iterator[P]:
    """The parts beneath a module, as deep as asked.

    Args:
        of_operator: an operator as a part, at a depth; None for no operators.
        level: how deep those right beneath it stand.
    """
    at_the_end = level > depth
    shown = [] if at_the_end else sorted(tree.levels(), key=Tree.position)
    if of_operator is not None:
        own = tree.all_operators() if at_the_end else tree.operators
        yield from (of_operator(i, level) for i in own)
    elif shown and tree.operators:
        yield make(tree.operators, "(itself)", tree.path, level)
    small = []
    for child in shown:
        name = child.path.removeprefix(f"{tree.path}.") if tree.path else child.path
        found = make(child.all_operators(), name, child.path, level)
        if found.weight < _SMALL and of_operator is None:
            small.append(child)
            continue
        yield found
        yield from _walk(child, make, of_operator, depth=depth, level=level + 1)
    if small:
        together = sorted(i for child in small for i in child.all_operators())
        alone = len(small) == 1
        name = small[0].path.rpartition(".")[2] if alone else f"({len(small)} smaller)"
        yield make(together, name, small[0].path if alone else tree.path, level)


def operator_part(profiled: Profiled, i: int, *, depth: int = 0) -> Part:
    operator = profiled.operators[i]
    return part(profiled, [i], name=f"{operator.kind} {operator.name}", path=operator.module or "", depth=depth)


def operator_parts(profiled: Profiled) -> tuple[Part, ...]:
    """Every operator, the slowest first."""
    parts = [operator_part(profiled, i) for i in range(len(profiled.operators))]
    return tuple(sorted(parts, key=lambda each: -each.ms.value))


def kind_parts(profiled: Profiled) -> tuple[Part, ...]:
    """The operators of each kind, the kind that takes most first."""
    parts = [part(profiled, found, name=kind, path=kind) for kind, found in by_kind(profiled.operators).items()]
    return tuple(sorted(parts, key=lambda each: -each.ms.value))


def by_kind(operators: Sequence[ProfiledOperator]) -> dict[str, list[int]]:
    """The places of the operators of each kind."""
    found: dict[str, list[int]] = defaultdict(list)
    for i, operator in enumerate(operators):
        found[operator.kind].append(i)
    return found
