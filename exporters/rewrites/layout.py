"""Where the numbers of a tensor lie: a tensor as the network names it, kept in another order or shape.

A permute or a reshape computes nothing. So here a value has two descriptions: the dimensions that the network gives
it (`dims`), and the axes of the tensor that really holds it (`axes`). Both are products of the same atoms:

    a map (1, 14, 14, 96), channels-last, kept channels-first:  dims  ()  (h)  (w)  (c)     axes  ()  (c)  (h)  (w)
    flattened into tokens (1, 196, 96):                         dims  ()  (h w)  (c)        axes  unchanged
    its channels seen as 3 heads of 32:                         dims  ()  (h w)  (a d)...   axes  ()  (a d)  (h)  (w)

A dimension of size 1 is the empty product. An atom is split where a reshape needs it (96 = 3 x 32), which renames but
moves nothing. Permutes and reshapes of the network change `dims` alone; only an operator that needs the tensor in a
certain order (`place`) makes one in the graph, and none if the order is right already.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, fx


@dataclass(frozen=True, eq=False)
class Atom:
    """A factor of a dimension. Atoms are told apart by identity, not by size.

    Attributes:
        channels: it counts channels, not pixels or tokens; a product puts them first.
    """

    size: int
    channels: bool = False


Axis = tuple[Atom, ...]


def size_of(axis: Axis) -> int:
    return math.prod(atom.size for atom in axis)


def new_axis(size: int, *, channels: bool = False) -> Axis:
    return () if size == 1 else (Atom(size, channels),)


def flat(axes: Sequence[Axis]) -> Axis:
    return tuple(itertools.chain.from_iterable(axes))


@dataclass(frozen=True)
class Value:
    """A tensor that the network names with `dims` and that is held with `axes`, by a node or as a constant."""

    held: fx.Node | Tensor
    axes: tuple[Axis, ...]
    dims: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(size_of, self.dims))

    def with_dims(self, dims: Sequence[Axis]) -> "Value":
        return Value(self.held, self.axes, tuple(dims))

    def renamed(self, names: dict[Atom, Axis]) -> "Value":
        """The same value with some atoms split into others."""

        def rename(axes: Sequence[Axis]) -> tuple[Axis, ...]:
            return tuple(flat([names.get(atom, (atom,)) for atom in axis]) for axis in axes)

        return Value(self.held, rename(self.axes), rename(self.dims))


def plain(held: fx.Node | Tensor, shape: Sequence[int]) -> Value:
    """A value held as the network names it. In a map (N, C, H, W) the channels are known."""
    axes = tuple(new_axis(int(size), channels=len(shape) == 4 and i == 1) for i, size in enumerate(shape))
    return Value(held, axes, axes)


def reshaped(value: Value, shape: Sequence[int]) -> Value | None:
    """The value with other dimensions; None where they cut an atom into no whole factors."""
    names: dict[Atom, Axis] = {}
    left = list(flat(value.dims))
    dims: list[Axis] = []
    for size in shape:
        axis: list[Atom] = []
        missing = int(size)
        while missing > 1:
            if not left:
                return None
            atom = left.pop(0)
            if missing % atom.size:
                if atom.size % missing:
                    return None
                head, tail = (Atom(size, atom.channels) for size in (missing, atom.size // missing))
                for whole, parts in names.items():
                    names[whole] = flat([(head, tail) if part is atom else (part,) for part in parts])
                names[atom] = (head, tail)
                left.insert(0, tail)
                atom = head
            axis.append(atom)
            missing //= atom.size
        dims.append(tuple(axis))
    return value.renamed(names).with_dims(dims)


def refined(first: Value, second: Value, pairs: Sequence[tuple[int, int]]) -> tuple[Value, Value] | None:
    """Both values, with the same atoms in the dimensions `pairs` of them. A dimension of size 1 stays as it is.

    None where the two factor a dimension in ways that have no common refinement.
    """
    for i, j in pairs:
        one, other = first.dims[i], second.dims[j]
        if not one or not other:
            continue
        if size_of(one) != size_of(other):
            return None
        sizes = _common_factors([atom.size for atom in one], [atom.size for atom in other])
        if sizes is None:
            return None
        first = _split(first, one, sizes)
        second = _split(second, other, sizes)
    names: dict[Atom, Axis] = {
        theirs: (ours,)
        for i, j in pairs
        for ours, theirs in zip(first.dims[i], second.dims[j], strict=False)
        if first.dims[i] and second.dims[j]
    }
    # An atom of the second that only happens to be one of the first is another factor there: it gets a new name.
    taken = set(flat(first.dims))
    for atom in flat(second.dims):
        if atom not in names and atom in taken:
            names[atom] = (Atom(atom.size, atom.channels),)
    return first, second.renamed(names)


def _common_factors(one: list[int], other: list[int]) -> list[int] | None:
    """The sizes of the coarsest refinement of two ordered factorings: (4, 49) and (14, 14) have none."""
    one, other = one.copy(), other.copy()
    sizes = []
    while one and other:
        a, b = one.pop(0), other.pop(0)
        small, large = min(a, b), max(a, b)
        if large % small:
            return None
        sizes.append(small)
        if large > small:
            (one if a == large else other).insert(0, large // small)
    return sizes


def _split(value: Value, axis: Axis, sizes: list[int]) -> Value:
    names: dict[Atom, Axis] = {}
    left = sizes.copy()
    for atom in axis:
        parts = [left.pop(0)]
        while math.prod(parts) < atom.size:
            parts.append(left.pop(0))
        if len(parts) > 1:
            names[atom] = tuple(Atom(part, atom.channels) for part in parts)
    return value.renamed(names)


Reshape = Callable[[fx.Node, Sequence[int]], fx.Node]
Permute = Callable[[fx.Node, Sequence[int]], fx.Node]


def held_as(value: Value, axes: Sequence[Axis], reshape: Reshape, permute: Permute) -> Value:
    """The value held with other axes of the same atoms: moved by at most one reshape, one permute, one reshape."""
    axes = tuple(axes)
    if value.axes == axes:
        return value
    held = value.held
    now = tuple(map(size_of, value.axes))
    if flat(value.axes) != flat(axes):
        # The longest runs of atoms that stay together: fewer axes to permute.
        runs = _runs(flat(value.axes), flat(axes))
        order = [runs.index(run) for run in _ordered(runs, flat(axes))]
        sizes = [size_of(run) for run in runs]
        # Where the tensor has these axes already (but for those of size 1), it is permuted as it is.
        if list(now) != sizes and [size for size in now if size > 1] == sizes and len(now) == len(axes):
            ones = iter(i for i, size in enumerate(now) if size == 1)
            big = [i for i, size in enumerate(now) if size > 1]
            targets = [size_of(axis) for axis in axes]
            if [size for size in targets if size > 1] == [sizes[i] for i in order]:
                moved = iter(big[i] for i in order)
                whole = [next(moved) if size > 1 else next(ones) for size in targets]
                held = held.permute(whole) if isinstance(held, Tensor) else permute(held, whole)
                return Value(held, axes, value.dims)
        if list(now) != sizes:
            held = held.reshape(sizes) if isinstance(held, Tensor) else reshape(held, sizes)
        held = held.permute(order) if isinstance(held, Tensor) else permute(held, order)
        now = tuple(sizes[i] for i in order)
    target = tuple(map(size_of, axes))
    if now != target:
        held = held.reshape(target) if isinstance(held, Tensor) else reshape(held, target)
    return Value(held, axes, value.dims)


def _runs(source: Axis, target: Axis) -> list[Axis]:
    follower = dict(itertools.pairwise(target))
    runs: list[list[Atom]] = []
    for atom in source:
        if runs and follower.get(runs[-1][-1]) is atom:
            runs[-1].append(atom)
        else:
            runs.append([atom])
    return [tuple(run) for run in runs]


def _ordered(runs: list[Axis], target: Axis) -> list[Axis]:
    return sorted(runs, key=lambda run: target.index(run[0]))
