"""Which rows of two stores are set side by side. Pure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import product

import msgspec

from results.records.artifact import ArtifactSource
from results.statistics.summary import Measurement

Pair = tuple[Measurement, Measurement]
_Key = Callable[[Measurement], Hashable]


class Partners(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of two stores.

    Attributes:
        pairs: a row of the first store and its partner in the second, in the order of the first. A row of the first
            stands in several where the second has several files of its name, and it has one.
        lost: rows of the first store without a partner.
        added: rows of the second store without a partner.
        repeated: what was measured again in its place, with other versions or another warm-up, so that the last counts;
            of each store.
        by_order: rows of the first store whose partner is one of several files of its name that all changed.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[Measurement, ...]
    added: tuple[Measurement, ...]
    repeated: tuple[tuple[Measurement, ...], tuple[Measurement, ...]]
    by_order: tuple[Measurement, ...]


def find_partners(before: Sequence[Measurement], after: Sequence[Measurement]) -> Partners:
    """Pair rows of the same setting: the same file first, then files of one name and form.

    Of several each is paired, those of the same board, machine and cores with each other, and else in their order, from
    the last. What the second store has besides of a name that the first one has is compared with the last of that name.
    """
    firsts, seconds = _last_of_each(before), _last_of_each(after)
    left, right = list(firsts), list(seconds)
    pairs: list[Pair] = []
    by_order: list[Measurement] = []
    for what, where in product((_file, _content, _name), (_place, _anywhere)):
        for mine, theirs in _groups(left, right, what, where):
            if what is _name and min(len(mine), len(theirs)) > 1:
                by_order += mine
            pairs += zip(reversed(mine), reversed(theirs), strict=False)
        left = [row for row in left if not any(row is one for one, _ in pairs)]
        right = [row for row in right if not any(row is other for _, other in pairs)]
    compared = {_content(other) for _, other in pairs}
    for row in right:
        namesakes = [one for one in firsts if _name(one) == _name(row)]
        if namesakes and _content(row) not in compared:
            near = [one for one in namesakes if _place(one) == _place(row)]
            pairs.append(((near or namesakes)[-1], row))
    order = {id(row): place for place, row in enumerate((*firsts, *seconds))}
    return Partners(
        pairs=tuple(sorted(pairs, key=lambda pair: [order[id(row)] for row in pair])),
        lost=tuple(left),
        added=tuple(row for row in right if not any(row is other for _, other in pairs)),
        repeated=(_superseded(before, firsts), _superseded(after, seconds)),
        by_order=tuple(by_order),
    )


def on_other_place(before: Measurement, after: Measurement) -> bool:
    """Whether two rows were measured on different machines, or on other cores of one, as far as that is known.

    A board's name is all that is known of which of several it is: of another name, it is another one.
    """
    known = before.machine.affinity is not None and after.machine.affinity is not None
    mine, theirs = (_place(row) if known else _place(row)[1:] for row in (before, after))
    return mine != theirs


def _groups(
    left: Sequence[Measurement], right: Sequence[Measurement], what: _Key, where: _Key
) -> Iterator[tuple[list[Measurement], list[Measurement]]]:
    """The rows of both that agree in something."""
    found: dict[Hashable, tuple[list[Measurement], list[Measurement]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((left, right)):
        for row in rows:
            found[what(row), where(row)][side].append(row)
    return (group for group in found.values() if all(group))


def _last_of_each(rows: Sequence[Measurement]) -> list[Measurement]:
    return list({(_file(row), _place(row)): row for row in rows}.values())


def _superseded(rows: Sequence[Measurement], counted: Sequence[Measurement]) -> tuple[Measurement, ...]:
    return tuple(row for row in rows if not any(row is one for one in counted))


def _setting(row: Measurement) -> Hashable:
    """What two rows share that are compared, the input that was given, too."""
    artifact = row.artifact
    fed = tuple((x.name, x.fed.sha256) for x in artifact.inputs if x.fed is not None and x.fed.given)
    return artifact.format, row.batch_size, artifact.image_size, row.device, row.options, row.threads, fed


def _content(row: Measurement) -> Hashable:
    """The file, whatever it is called; a network of effmod's is known by its name."""
    artifact = row.artifact
    return _setting(row), artifact.sha256, row.name if artifact.source is ArtifactSource.ZOO else None


def _name(row: Measurement) -> Hashable:
    return _setting(row), row.name, row.artifact.form


def _file(row: Measurement) -> Hashable:
    return _name(row), row.artifact.sha256


def _place(row: Measurement) -> tuple[Hashable, ...]:
    """The cores that it had, and of which machine: boards of one kind are told apart by their names."""
    machine = row.machine
    return machine.affinity, machine.cpu_quota, machine.architecture, machine.cpu_model, row.gpu, row.place


def _anywhere(_: Measurement) -> Hashable:
    return None
