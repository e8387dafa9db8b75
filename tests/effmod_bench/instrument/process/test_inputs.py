import msgspec
import numpy as np

from effmod_bench.instrument.process.inputs import make_inputs, make_other
from exporters.feeds.values import make_value
from results import Fed, InputTensor

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


def test_only_what_nobody_gave_is_drawn_otherwise() -> None:
    made_up, given = (
        msgspec.structs.replace(tensor, fed=Fed(value="1", given=given, sha256="0" * 64))
        for tensor, given in zip(TENSORS, (False, True), strict=True)
    )
    feeds = {"x": ("normal",), "sr": ("16000",)}
    (inputs,) = make_inputs((made_up, given), feeds, (0.5,), (0.25,))
    other = make_other((made_up, given), feeds, inputs)
    assert other is not None
    assert (other["x"] == 0).all()
    assert other["sr"] == 16000
    assert make_other((given,), feeds, inputs) is None
    assert make_other(TENSORS, feeds, inputs) is None  # nothing is known of them
