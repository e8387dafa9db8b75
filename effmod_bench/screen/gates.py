"""What a gate came to, said row by row."""

from collections.abc import Callable, Sequence

import msgspec

from effmod_bench.screen.console import Console
from results.statistics.estimate import Estimate
from results.statistics.gate import Gate, GateVerdict, Reason
from results.tables.gates import slower_in_words, undecided_in_words
from results.tables.words import percent


class Gated(msgspec.Struct, frozen=True, kw_only=True):
    """A row with a gate.

    Attributes:
        than: what it was to be no slower than, such as "than a.onnx".
        lacks: where there are too few processes, what there is instead.
        more: what more would decide, such as "3 more processes"; None where more would hardly do that.
        own_ratio: of an estimate beside an anchor, how its time by itself moved.
    """

    name: str
    gate: Gate
    estimate: Estimate | None
    than: str
    lacks: str
    more: str | None
    own_ratio: float | None = None


def holds(console: Console, rows: Sequence[Gated], *, undecided_pass: bool) -> bool:
    """Whether a gate lets all of them through; say of each that it does not, and why: first what is slower.

    Args:
        undecided_pass: what is undecided goes through. What has nothing to be judged by never does.
    """
    stops = [row for row in rows if row.gate.verdict is GateVerdict.FAILS]
    for row in stops:
        assert row.estimate is not None
        console.error(
            f"{row.name} is {slower_in_words(row.estimate)} {row.than}; --fail-if-slower allows "
            f"{percent(row.gate.limit)}"
        )
    for row in rows:
        if row.gate.verdict is not GateVerdict.UNDECIDED:
            continue
        if row.gate.reason is Reason.TOO_FEW or row.estimate is None:
            stops.append(row)
            console.error(f"{row.name} cannot be judged: {row.lacks}")
            continue
        say: Callable[[str], None] = console.warn if undecided_pass else console.error
        why = undecided_in_words(row.gate, row.estimate, more=row.more, own_ratio=row.own_ratio)
        say(f"{row.name} is undecided: {why}")
        if not undecided_pass:
            stops.append(row)
    return not stops
