"""Which parts of two profiles make the difference between them.

Their processes took turns, so that the n-th of both met the same of the machine: the difference of a part is the mean
of these pairs' differences, and the differences of parts add up to that of the whole.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from statistics import median

import msgspec

from results.records.profile import ProfiledOperator
from results.statistics.estimate import ERROR, Verdict, quantile
from results.statistics.profile import Profiled, Span, span
from results.statistics.profile_tree import Tree, tree_of

WHOLE = "all operators"
BETWEEN = "between operators"
_SMALL = 0.005  # parts with less of either network than this stand together


class PartDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A part of two networks: the time of the second less that of the first.

    Attributes:
        name, path, depth: as of a `Part`.
        before_ms, after_ms: 0 where one of the two has no such part.
        difference: with its interval, of 95 % for the whole; those of all parts together miss in 5 % of profiles.
    """

    name: str
    path: str
    depth: int
    before_ms: float
    after_ms: float
    difference: Span

    @property
    def verdict(self) -> Verdict:
        """Of the second; not distinguishable where the interval holds 0."""
        found = self.difference
        if found.low is None or found.high is None or found.low <= 0 <= found.high:
            return Verdict.NOT_DISTINGUISHABLE
        return Verdict.FASTER if found.value < 0 else Verdict.SLOWER


class _Pair(msgspec.Struct, frozen=True):
    """Two profiles, by the processes that both have."""

    before: Profiled
    after: Profiled
    rows: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    def part(self, both: Sequence[int], *, name: str, path: str, depth: int) -> PartDifference:
        """Of operators of either, by their place in the first, or that in the second behind all of the first."""
        first = len(self.before.operators)
        one = [i for i in both if i < first]
        other = [i - first for i in both if i >= first]
        before = [sum(row[i] for i in one) for row, _ in self.rows]
        after = [sum(row[i] for i in other) for _, row in self.rows]
        return _difference(before, after, name=name, path=path, depth=depth)

    def position(self, tree: Tree) -> float:
        """Where in the networks a module stands, from 0 to 1."""
        first = len(self.before.operators)
        return median(i / first if i < first else (i - first) / len(self.after.operators) for i in tree.all_operators())

    def is_small(self, both: Sequence[int]) -> bool:
        found = self.part(both, name="", path="", depth=0)
        return max(found.before_ms, found.after_ms) < _SMALL * self.before.kernels.value


def _difference(
    before: Sequence[float], after: Sequence[float], *, name: str, path: str = "", depth: int = 0
) -> PartDifference:
    return PartDifference(
        name=name,
        path=path,
        depth=depth,
        before_ms=span(before).value,
        after_ms=span(after).value,
        difference=span([b - a for a, b in zip(before, after, strict=True)]),
    )


def have_common_modules(before: Profiled, after: Profiled) -> bool:
    """Whether two networks can be laid on each other by their modules."""
    if before.options.runtime is not after.options.runtime:
        # Of one network; what two runtimes have made of a convolution and its activation may stand at one or the other.
        return before.has_modules and after.has_modules
    names = ({operator.module for operator in each.operators if operator.module} for each in (before, after))
    return bool(set.intersection(*names))


def module_differences(before: Profiled, after: Profiled, *, depth: int) -> tuple[PartDifference, ...]:
    """By module, as deep as asked; the whole first, and what is no operator last."""
    pair = _pair(before, after)
    tree = tree_of([operator.module for operator in (*before.operators, *after.operators)])
    return _together(pair, [*_beneath(pair, tree, 1, depth), _between(pair)])


def kind_differences(before: Profiled, after: Profiled) -> tuple[PartDifference, ...]:
    """By kind of operator, the largest difference first."""
    return _grouped(before, after, lambda each: each.kind)


def operator_differences(before: Profiled, after: Profiled) -> tuple[PartDifference, ...]:
    """By the names of operators, the largest difference first."""
    return _grouped(before, after, lambda each: f"{each.kind} {each.name}")


def _grouped(before: Profiled, after: Profiled, key: Callable[[ProfiledOperator], str]) -> tuple[PartDifference, ...]:
    pair = _pair(before, after)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, operator in enumerate(chain(before.operators, after.operators)):
        groups[key(operator)].append(i)
    small = [i for found in groups.values() if pair.is_small(found) for i in found]
    parts = [
        pair.part(found, name=name, path=name, depth=1) for name, found in groups.items() if not pair.is_small(found)
    ]
    if small:
        parts.append(pair.part(small, name="(smaller ones)", path="", depth=1))
    return _together(pair, [*sorted(parts, key=lambda each: -abs(each.difference.value)), _between(pair)])


def _pair(before: Profiled, after: Profiled) -> _Pair:
    first, second = (dict(zip(each.indices, each.process_ms, strict=True)) for each in (before, after))
    return _Pair(before, after, tuple((first[i], second[i]) for i in first if i in second))


def _together(pair: _Pair, parts: Sequence[PartDifference]) -> tuple[PartDifference, ...]:
    """The whole, and its parts with intervals so much wider as there are parts, or of many some would differ by chance.

    The error is shared out among them (Bonferroni), which holds whatever parts have in common.
    """
    whole = pair.part(range(len(pair.before.operators) + len(pair.after.operators)), name=WHOLE, path="", depth=0)
    return whole, *(
        msgspec.structs.replace(each, difference=_widened(each.difference, len(pair.rows), len(parts)))
        for each in parts
    )


def _widened(found: Span, pairs: int, among: int) -> Span:
    """An interval of Student's t over so many pairs, as one of several that are all to hold."""
    if found.half is None:
        return found
    half = found.half * quantile(pairs - 1, ERROR / among) / quantile(pairs - 1, ERROR)
    return Span(value=found.value, low=found.value - half, high=found.value + half)


def _between(pair: _Pair) -> PartDifference:
    gaps = (dict(zip(each.indices, each.process_gaps_ms, strict=True)) for each in (pair.before, pair.after))
    one, other = gaps
    both = [i for i in one if i in other]
    return _difference([one[i] for i in both], [other[i] for i in both], name=BETWEEN)


def _beneath(pair: _Pair, tree: Tree, level: int, depth: int) -> Iterator[PartDifference]:
    if level > depth:
        return
    shown = sorted(tree.levels(), key=pair.position)
    if shown and tree.operators:
        yield pair.part(tree.operators, name="(itself)", path=tree.path, depth=level)
    small: list[int] = []
    for child in shown:
        inside = child.all_operators()
        if pair.is_small(inside):
            small += inside
            continue
        name = child.path.removeprefix(f"{tree.path}.") if tree.path else child.path
        yield pair.part(inside, name=name, path=child.path, depth=level)
        yield from _beneath(pair, child, level + 1, depth)
    if small:
        yield pair.part(small, name="(smaller ones)", path=tree.path, depth=level)
