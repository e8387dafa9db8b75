import numpy as np

from effmod_bench.instrument.process.inputs import make_inputs
from exporters.feeds.values import make_value
from results import InputTensor

TENSORS = (
    InputTensor(name="x", dtype="float", shape=(2, 5)),
    InputTensor(name="sr", dtype="int64", shape=()),
)


def test_what_no_words_are_of_is_fed_by_the_rule() -> None:
    (inputs,) = make_inputs(TENSORS, {}, (0.5,), (0.25,))
    np.testing.assert_array_equal(inputs["x"], make_value(TENSORS[0], "normal"))
    assert inputs["sr"] == 1


def test_feeds_are_taken_in_turn() -> None:
    inputs = make_inputs(TENSORS, {"x": ("1", "2", "3"), "sr": ("16000",)}, (0.5,), (0.25,))
    assert [feed["x"][0, 0] for feed in inputs] == [1, 2, 3]
    assert [feed["sr"] for feed in inputs] == [16000] * 3
