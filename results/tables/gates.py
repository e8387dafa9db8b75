"""What a gate came to, as columns, as a note under a table, and in a sentence."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from results.statistics.estimate import Estimate
from results.statistics.gate import Gate, GateVerdict, Reason
from results.tables.table import Column, Note
from results.tables.words import percent

_REASONS = {
    Reason.TOO_FEW: "there are fewer than two processes",
    Reason.HOLDS_LIMIT: "the interval holds the limit",
    Reason.OTHER_PLACE: "it was measured on another machine or other cores",
    Reason.MOVED: "the machine, or everything, moved",
    Reason.DOUBTFUL: "a warning makes it doubtful",
}


def _detail(key: str, header: str, name: str) -> Column[Any]:
    return Column(key=key, header=header, get=lambda row: row.gate and getattr(row.gate, name), detail=True)


# Of rows with a gate; where none was asked for, they are empty.
GATE_COLUMNS: tuple[Column[Any], ...] = (
    Column(key="gate", header="gate", get=lambda row: row.gate and str(row.gate.verdict)),
    _detail("gate_limit", "gate's\nlimit", "limit"),
    Column(
        key="gate_reason",
        header="undecided,\nsince",
        get=lambda row: row.gate and row.gate.reason and str(row.gate.reason),
        detail=True,
    ),
    Column(
        key="gate_doubts",
        header="doubts",
        get=lambda row: (row.gate and ", ".join(row.gate.doubts)) or None,
        detail=True,
    ),
    _detail("gate_more", "more would\ndecide", "more"),
)


def gate_note(named: Sequence[tuple[str, Gate | None]]) -> list[str]:
    """How many rows pass and fail, and why others are undecided; empty where there was no gate.

    Args:
        named: rows by name.
    """
    gates = [(name, gate) for name, gate in named if gate is not None]
    if not gates:
        return []
    limits = " or ".join(percent(limit) for limit in sorted({gate.limit for _, gate in gates}))
    said = ", ".join(_counted(verdict, [gate for _, gate in gates]) for verdict in GateVerdict)
    undecided: dict[Reason, list[str]] = defaultdict(list)
    for name, gate in gates:
        if gate.reason is not None:
            undecided[gate.reason].append(name)
    reasons = "; ".join(f"{_REASONS[reason]} ({', '.join(names)})" for reason, names in undecided.items())
    note = f"Gate, at most {limits} slower: {said}." + (f" Undecided: {reasons}." if reasons else "")
    return [Note(note, *(column.key for column in GATE_COLUMNS))]


def slower_in_words(estimate: Estimate) -> str:
    """By how much it is slower, such as "20.0 % slower"."""
    return f"{100 * (estimate.ratio - 1):.1f} % slower"


def undecided_in_words(
    gate: Gate, estimate: Estimate, *, more: str | None = None, own_ratio: float | None = None
) -> str:
    """Why a gate with an interval is undecided, and what would decide.

    Args:
        more: what there would have to be more of, such as "3 more processes"; None where that would be too many.
        own_ratio: of an estimate beside an anchor, how its time by itself moved.
    """
    span = f"it takes {estimate.low:.3f} to {estimate.high:.3f} times as long"
    match gate.reason:
        case Reason.HOLDS_LIMIT:
            would = "more of it would hardly decide" if more is None else f"about {more} would decide"
            doubts = f" ({', '.join(gate.doubts)})" if gate.doubts else ""
            return f"{span}, and the limit, {1 + gate.limit:.3f}, lies in between; {would}{doubts}"
        case Reason.DOUBTFUL:
            return f"{span}, and perhaps otherwise when it is measured again ({', '.join(gate.doubts)})"
        case Reason.OTHER_PLACE:
            return (
                f"{span}, but on another machine or other cores; measure both sides on the same, or beside an anchor "
                "(effmod bench --anchor NAME)"
            )
        case _:
            return (
                f"{span} beside the anchor, but {own_ratio:.2f} times by itself, and so does the anchor: the machine, "
                "or everything, moved"
            )


def _counted(verdict: GateVerdict, gates: Sequence[Gate]) -> str:
    """How many there are, such as "1 fails"."""
    count = sum(gate.verdict is verdict for gate in gates)
    plural = {GateVerdict.PASSES: "pass", GateVerdict.FAILS: "fail"}
    return f"{count} {verdict if count == 1 else plural.get(verdict, verdict)}"
