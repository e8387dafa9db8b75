"""The settings that `effmod tune` tries."""

from pathlib import Path

import pytest

from effmod_bench.targets.subjects import file_subject
from effmod_bench.tuning.candidates import Candidate, settings, with_settings
from results import ComparisonPlan, Device, Runtime, RuntimeOptions
from tests.fakes import write_onnx


def test_spinning_is_varied_only_where_there_are_threads_to_wait() -> None:
    def names(threads: int) -> set[str]:
        return {setting.name for setting in settings(Device.CPU, threads, tf32=False)}

    assert names(2) - names(1) == {"threads that do not spin"}
    on_gpu = {setting.name: setting.equal for setting in settings(Device.CUDA, 4, tf32=True)}
    assert on_gpu.pop("TF32") is False
    assert all(on_gpu.values())


@pytest.mark.parametrize(("runtime", "some"), [(Runtime.ONNXRUNTIME, True), (Runtime.OPENVINO, False)])
def test_settings_are_tried_on_the_runtime_that_has_them(runtime: Runtime, tmp_path: Path, *, some: bool) -> None:
    subject = file_subject(write_onnx(tmp_path / "net.onnx"), {}, batch_size=1)
    best = Candidate(name="best", subject=subject, options=RuntimeOptions(runtime=runtime))
    assert bool(with_settings(best, ComparisonPlan(threads=1), tf32=False)) is some
