import onnx
import pytest

from exporters.onnx.graph import read_tensors
from exporters.onnx.settled import settle
from tests.exporters.onnx.rewrites.support import graph

PAIR = "g (float[n, 3, 6, 6] x) => (float[n, 4, 6, 6] y) { y = Conv(x, w) }"


def with_weights_as_inputs(model: onnx.ModelProto, ir_version: int = 3) -> onnx.ModelProto:
    """As everything was before IR 4, and as Caffe2 wrote it."""
    for tensor in model.graph.initializer:
        value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(value)
    model.ir_version = ir_version
    return model


@pytest.mark.parametrize(("before", "after"), [(3, 4), (8, 8)])
def test_weights_that_are_inputs_too_become_constants(before: int, after: int) -> None:
    model = with_weights_as_inputs(graph(PAIR, w=(4, 3, 1, 1)), before)
    settled, count = settle(model, {})
    assert count == 1
    assert [value.name for value in settled.graph.input] == ["x"]
    assert settled.ir_version == after
    assert len(model.graph.input) == 2, "the original is not touched"


def test_an_output_of_another_rank_gets_its_own() -> None:
    model = graph("g (float[n, 3, 4] x) => (float[n, k] y) { y = Relu(x) }")
    settled, _ = settle(model, {"x": (2, 3, 4)})
    assert read_tensors(settled)[1][0].shape == ("n", 3, 4)
    onnx.checker.check_model(settled, full_check=True)


def test_a_result_of_another_batch_is_forgotten_and_one_that_fits_stays() -> None:
    model = graph("g (float[n, 3] x) => (float[n, 3] y) { a = Relu(x) b = Neg(a) y = Abs(b) }")
    for name, shape in (("a", (10, 3)), ("b", ("n", 3))):
        model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    settled, _ = settle(model, {"x": (1, 3)})
    assert [value.name for value in settled.graph.value_info] == ["b"]


def test_a_negative_dimension_is_an_open_one() -> None:
    model = graph("g (float[n, 3] x) => (float[n, 3] y) { y = Softmax(x) }")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = -1
    settled, _ = settle(model, {"x": (1, 3)})
    assert [tensor.shape for tensors in read_tensors(settled) for tensor in tensors] == [("?", 3), ("?", 3)]
    assert not settled.graph.output[0].type.tensor_type.shape.dim[0].HasField("dim_value")
