from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from effmod_bench.instrument.sessions import denormals
from effmod_bench.instrument.sessions.denormals import PRODUCT, are_zero
from effmod_bench.instrument.sessions.onnxruntime import OnnxRuntimeSession
from effmod_bench.instrument.sessions.session import SessionError
from results import Device
from tests.effmod_bench.instrument.sessions.test_onnxruntime import INPUTS, request
from tests.fakes import write_onnx


def test_what_is_tried_is_one_product() -> None:
    scalars = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in "abc"]
    graph = helper.make_graph([helper.make_node("Mul", ["a", "b"], ["c"])], "g", scalars[:2], scalars[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    assert onnx.ModelProto.FromString(PRODUCT) == model


def test_a_session_in_whose_process_another_one_decided_is_refused(tmp_path: Path) -> None:
    assert not are_zero(onnxruntime.SessionOptions())  # the first of this process, or one of those after it
    asked = request(write_onnx(tmp_path / "x.onnx"), Device.CPU, denormal_as_zero=True)
    session = OnnxRuntimeSession(asked, INPUTS)
    session.run()
    with pytest.raises(SessionError, match="--denormal-as-zero did not take: 1e-30 times 1e-10 is 1e-40"):
        session.prepare_outputs()


def test_a_process_in_which_they_are_zero_though_nobody_asked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denormals, "are_zero", lambda _: True)
    session = OnnxRuntimeSession(request(write_onnx(tmp_path / "x.onnx"), Device.CPU), INPUTS)
    session.run()
    with pytest.raises(SessionError, match="a library that it loads lets the processor take subnormal numbers for"):
        session.prepare_outputs()
