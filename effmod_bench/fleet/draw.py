"""Which nodes of a cluster a run measures on: so many of each kind, drawn, and known by names of their own."""

import random
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from effmod_bench.errors import DeviceUnavailableError, TargetError
from effmod_bench.fleet.cluster import NodeFacts
from results.tables.words import counted


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What a run asks of a cluster.

    Attributes:
        kinds: accelerators, as Ray calls them, or labels, as "shelf=3".
        nodes: different ones, of each kind.
        seed: of the draw among those that there are.
        on_gpu: nodes without a GPU, as Ray counts, are left out.
    """

    kinds: tuple[str, ...] = ()
    nodes: int = 1
    seed: int = 0
    on_gpu: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """What the nodes are called, kind by kind."""
        return tuple(name for kind in self.kinds for name in self.places_of(kind))

    def places_of(self, kind: str) -> tuple[str, ...]:
        """Those of one kind."""
        return tuple(f"{name_of(kind)} {number}" for number in range(1, self.nodes + 1))

    def of_kind(self, kind: str, nodes: Iterable[NodeFacts]) -> list[NodeFacts]:
        """The nodes that may be measured on as one of a kind."""
        return [node for node in nodes if node.is_of(kind) and (node.gpus > 0 or not self.on_gpu)]

    def all_kinds(self, nodes: Sequence[NodeFacts]) -> tuple[str, ...]:
        """Every accelerator that may be measured on."""
        return tuple(kind for kind in sorted({node.kind for node in nodes}) if self.of_kind(kind, nodes))


def parse_kinds(text: str) -> tuple[str, ...]:
    """Several kinds, with commas between them.

    Raises:
        TargetError: one is empty, or two are called alike.
    """
    kinds = tuple(part.strip() for part in text.split(","))
    if not all(name_of(kind) for kind in kinds):
        raise TargetError(f"--accelerator {text!r}: write A100, or LABEL=VALUE; several with commas")
    names = [name_of(kind) for kind in kinds]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise TargetError(f"--accelerator names {repeated!r} twice; --nodes says how many of a kind")
    return kinds


def name_of(kind: str) -> str:
    """What is said of a kind: of a label, its value."""
    return kind.rpartition("=")[2]


def check_enough(drawn: Drawn, nodes: Sequence[NodeFacts], *, resumed: bool) -> None:
    """Refuse a cluster that has too few nodes of a kind; a run that is resumed needs one of each.

    Raises:
        DeviceUnavailableError: it has.
    """
    every = (f"{len(drawn.of_kind(kind, nodes))} of {kind}" for kind in drawn.all_kinds(nodes))
    has = ", ".join(every) or f"none {'with a GPU' if drawn.on_gpu else 'that can be used'}"
    for kind in drawn.kinds or ("any kind",):
        found, needed = len(drawn.of_kind(kind, nodes)), 1 if resumed else drawn.nodes
        if found < needed:
            raise DeviceUnavailableError(
                f"the cluster has {counted(found, 'node')} of {kind}, and {needed} are asked for; it has {has}: see "
                "'effmod cluster status'"
            )
    if not resumed and None in draw(drawn, nodes, {}).values():
        raise DeviceUnavailableError(
            f"the cluster has too few nodes for {drawn.nodes} of each of {', '.join(drawn.kinds)}, where one of "
            f"several of these kinds is drawn once; it has {has}: see 'effmod cluster status'"
        )


def draw(drawn: Drawn, nodes: Sequence[NodeFacts], known: Mapping[str, str]) -> dict[str, NodeFacts | None]:
    """Which node each place is, each another one; None where it was one that is gone, or there are too few.

    Args:
        known: names of nodes by their short numbers, of records that there are.
    """
    found: dict[str, NodeFacts | None] = {}
    choices: dict[str, list[NodeFacts]] = {}
    for kind in drawn.kinds:
        fitting = drawn.of_kind(kind, nodes)
        own = {known.get(node.short_id, ""): node for node in fitting}
        free = [node for node in fitting if node.short_id not in known]
        random.Random(f"{drawn.seed}-{kind}").shuffle(free)
        for place in drawn.places_of(kind):
            if place in known.values():
                found[place] = own.get(place)
            else:
                choices[place] = free[::-1]
    found |= _different(choices)
    return {place: found[place] for place in drawn.places}


def _different(choices: Mapping[str, Sequence[NodeFacts]]) -> dict[str, NodeFacts | None]:
    """Another node for each place, of its choices: a node of two kinds goes to the one that has no other.

    Kuhn, "The Hungarian method for the assignment problem", 1955: a place whose choices are all taken has one of those
    places move on, if that can.
    """
    holders: dict[str, str] = {}
    found: dict[str, NodeFacts | None] = dict.fromkeys(choices)

    def take(place: str, tried: set[str]) -> bool:
        for node in sorted(choices[place], key=lambda node: node.id in holders):
            if node.id in tried:
                continue
            tried.add(node.id)
            holder = holders.get(node.id)
            if holder is None or take(holder, tried):
                holders[node.id], found[place] = place, node
                return True
        return False

    for place in choices:
        take(place, set())
    return found
