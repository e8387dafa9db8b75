"""Files whose outputs float32 decides to some digits only, beside right ones and ones that are wrong by little."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from exporters import QUIET, UNSTEADY, ParityError
from exporters.onnx.evaluator import run_onnx
from exporters.proof.comparison import TOLERANCE
from exporters.proof.files import compare_files, judge_files
from exporters.proof.noise import MULTIPLE, STEP, STEPS, allowed, file_noise
from tests.exporters.onnx.rewrites.support import HEAD, graph
from tests.exporters.proof.support import write_sine

STEADY, LIVELY, WILD = 0.2, 300.0, 1e5
FEEDS = [{"x": np.random.default_rng(i).standard_normal((1, 64)).astype(np.float32)} for i in range(8)]


def noise_of(path: Path) -> float:
    expected = run_onnx(path, FEEDS)
    (noise,) = file_noise(path, FEEDS, expected)
    assert noise.shape == expected[0].shape == (len(FEEDS), 8)
    return float(noise.max() / np.abs(expected[0]).max())


def test_a_files_noise_is_what_the_last_digits_of_its_inputs_are_to_it(tmp_path: Path) -> None:
    steady, lively = (noise_of(write_sine(tmp_path / "x.onnx", gain)) for gain in (STEADY, LIVELY))
    assert steady < QUIET
    assert 1e-4 < lively < UNSTEADY
    assert noise_of(write_sine(tmp_path / "x.onnx", WILD)) > UNSTEADY


def test_a_number_without_a_shape_is_nudged_too(tmp_path: Path) -> None:
    text = "g (float x) => (float y) { gain = Constant <value_float: float = 1e6> () z = Mul(x, gain) y = Sin(z) }"
    onnx.save(graph(text), tmp_path / "x.onnx")
    feeds = [{"x": np.array(i, np.float32)} for i in (1, 2, 3)]
    (noise,) = file_noise(tmp_path / "x.onnx", feeds, run_onnx(tmp_path / "x.onnx", feeds))
    assert (noise > 0.1).all()


def test_noise_of_a_file_without_floats_is_none(tmp_path: Path) -> None:
    text = "g (int64[1, 3] x) => (int64[1, 3] y) { y = Add(x, x) }"
    onnx.save(graph(text), tmp_path / "x.onnx")
    feeds = [{"x": np.array([[1, 2, i]])} for i in range(3)]
    (noise,) = file_noise(tmp_path / "x.onnx", feeds, run_onnx(tmp_path / "x.onnx", feeds))
    assert not noise.any()


@pytest.mark.parametrize("gain", [2 * LIVELY, 10 * LIVELY])
def test_another_order_of_sums_is_no_fault_where_the_file_itself_is_no_steadier(gain: float, tmp_path: Path) -> None:
    path, same = write_sine(tmp_path / "x.onnx", gain), write_sine(tmp_path / "same.onnx", gain, split=True)
    parity = compare_files(path, same, FEEDS)
    assert TOLERANCE < parity.relative_error <= (parity.tolerance or 0)  # which was refused without
    assert parity.noise is not None
    assert parity.tolerance == pytest.approx(min(MULTIPLE * parity.noise, UNSTEADY))
    assert parity.first_departure is None
    judge_files(path, same, parity)


@pytest.mark.parametrize("gain", [STEADY, LIVELY, 10 * LIVELY])
@pytest.mark.parametrize(("first_weight", "bias"), [(1.001, 1.0), (1.0, 0.0)], ids=["a weight by 1e-3", "no bias"])
def test_a_file_that_is_wrong_by_little_is_refused_however_lively_it_is(
    tmp_path: Path, gain: float, first_weight: float, bias: float
) -> None:
    path = write_sine(tmp_path / "x.onnx", gain)
    other = write_sine(tmp_path / "other.onnx", gain, split=True, first_weight=first_weight, bias=bias)
    parity = compare_files(path, other, FEEDS)
    assert parity.relative_error > (parity.tolerance or 0) >= TOLERANCE
    with pytest.raises(ParityError, match=r"other\.onnx does not compute what x\.onnx computes.*noise"):
        judge_files(path, other, parity)


def test_a_steady_file_is_judged_as_ever(tmp_path: Path) -> None:
    path, same = write_sine(tmp_path / "x.onnx", STEADY), write_sine(tmp_path / "same.onnx", STEADY, split=True)
    equal = compare_files(path, same, FEEDS)
    assert equal.tolerance == TOLERANCE
    assert equal.noise is None  # nobody asked
    other = compare_files(path, write_sine(tmp_path / "other.onnx", STEADY, bias=0.0), FEEDS)
    assert other.tolerance == TOLERANCE
    assert other.noise is not None
    assert other.noise < 1e-6


def test_each_inference_is_judged_by_its_own_noise(tmp_path: Path) -> None:
    """One input is a thousand times as large as the others, and so is what its last digits do."""
    loud = [*FEEDS[1:], {"x": 1000 * FEEDS[0]["x"]}]
    gain = LIVELY / 100
    path, other = write_sine(tmp_path / "x.onnx", gain), write_sine(tmp_path / "other.onnx", gain, bias=1.002)
    parity = compare_files(path, other, loud)
    assert parity.tolerance == TOLERANCE  # that of the quiet ones, which it exceeds
    with pytest.raises(ParityError, match="does not compute"):
        judge_files(path, other, parity)


def test_to_a_file_that_is_unsteady_itself_none_is_proved_equal_and_that_is_said(tmp_path: Path) -> None:
    path, same = write_sine(tmp_path / "x.onnx", WILD), write_sine(tmp_path / "same.onnx", WILD, split=True)
    with pytest.raises(ParityError, match=r"same\.onnx cannot be checked: x\.onnx itself is unsteady.*--feed"):
        judge_files(path, same, compare_files(path, same, FEEDS))


HALVES = """g (float[1, 64] x) => (float[1, 128] y) {
    fast = Mul(x, gain) wild = Sin(fast) same = Mul(x, k) y = Concat <axis = 1> (same, wild)
}"""


def write_halves(path: Path, k: float) -> Path:
    """Half of the output is the input times `k`, and half of it is no steadier than the sine of 2000 times that."""
    model = onnx.parser.parse_model(HEAD + HALVES)
    for name, number in (("gain", 2000), ("k", k)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(number, np.float32), name))
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("k", [1.0005, 1.007])
def test_noise_of_half_an_output_excuses_nothing_of_the_other_half(k: float, tmp_path: Path) -> None:
    path, other = write_halves(tmp_path / "x.onnx", 1.0), write_halves(tmp_path / "other.onnx", k)
    feeds = [{"x": np.clip(feed["x"], -1, 1)} for feed in FEEDS]
    parity = compare_files(path, other, feeds)
    assert parity.relative_error == pytest.approx(k - 1, rel=1e-2)
    assert parity.tolerance == TOLERANCE
    with pytest.raises(ParityError, match=r"other\.onnx does not compute what x\.onnx computes"):
        judge_files(path, other, parity)


@pytest.mark.parametrize(("largest", "may"), [(1361, STEPS / 1361), (1000.5, 1e-4), (50, 1e-2), (1e6, 1e-4)])
def test_a_number_of_an_output_that_comes_in_steps_may_be_off_by_two_of_them_that_no_draw_has_shown(
    largest: float, may: float
) -> None:
    """As the detector of PP-OCRv4, whose largest output is 1361 steps of its sigmoid."""
    outputs = np.array([[STEP * largest, STEP * 3, 0]], np.float32)
    assert allowed(outputs, np.zeros((1, 3)), 1e-4) == pytest.approx(may)


def test_each_number_may_be_off_by_a_multiple_of_its_own_noise_within_bounds() -> None:
    outputs, noise = np.array([[3, 1, -10, 0]], np.float32), np.array([[4e-4, 6e-3, 5e-2, 0.2]])
    assert allowed(outputs, noise, 1e-4) == pytest.approx(np.array([[1e-4, 6e-3, 1e-2, 1e-4]]))
