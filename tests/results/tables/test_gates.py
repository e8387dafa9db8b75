import math

import pytest

from results import Gate, GateVerdict, StabilityWarning
from results.statistics.estimate import around
from results.statistics.gate import Reason
from results.tables.gates import gate_note, undecided_in_words

PASSES, FAILS = (Gate(limit=0.05, verdict=verdict) for verdict in (GateVerdict.PASSES, GateVerdict.FAILS))
ABOUT_AS_LONG = around(math.log(1.02), 0.05, error=0.05)


def undecided(reason: Reason, *doubts: StabilityWarning) -> Gate:
    return Gate(limit=0.05, verdict=GateVerdict.UNDECIDED, reason=reason, doubts=doubts)


def test_the_note_counts_the_verdicts_and_says_why_some_are_undecided() -> None:
    gates = [("a", PASSES), ("b", PASSES), ("c", FAILS), ("d", undecided(Reason.MOVED)), ("e", None)]
    gates += [("f", undecided(Reason.HOLDS_LIMIT)), ("g", undecided(Reason.MOVED))]
    (note,) = gate_note(gates)
    counted, why = note.split(" Undecided: ")
    assert counted == "Gate, at most 5 % slower: 2 pass, 1 fails, 3 undecided."
    assert why == "the machine, or everything, moved (d, g); the interval holds the limit (f)."
    assert gate_note([("a", PASSES)]) == ["Gate, at most 5 % slower: 1 passes, 0 fail, 0 undecided."]
    assert gate_note([("a", None)]) == []


@pytest.mark.parametrize(
    ("gate", "more", "said"),
    [
        (
            undecided(Reason.HOLDS_LIMIT),
            "3 more rounds",
            "the limit, 1.050, lies in between; about 3 more rounds would",
        ),
        (undecided(Reason.HOLDS_LIMIT), None, "lies in between; more of it would hardly decide"),
        (
            undecided(Reason.HOLDS_LIMIT, StabilityWarning.BIMODAL),
            None,
            "more of it would hardly decide (bimodal)",
        ),
        (undecided(Reason.DOUBTFUL, StabilityWarning.BIMODAL), None, "otherwise when it is measured again (bimodal)"),
        (undecided(Reason.OTHER_PLACE), None, "on another machine or other cores; measure both sides on the same"),
        (undecided(Reason.MOVED), None, "beside the anchor, but 1.30 times by itself, and so does the anchor"),
    ],
)
def test_a_sentence_says_why_and_what_would_decide(gate: Gate, more: str | None, said: str) -> None:
    sentence = undecided_in_words(gate, ABOUT_AS_LONG, more=more, own_ratio=1.3)
    assert sentence.startswith("it takes 0.970 to 1.072 times as long")
    assert said in sentence
