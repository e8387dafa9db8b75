from pathlib import Path

import pytest

from effmod_bench.instrument import profiles
from effmod_bench.targets.subjects import file_subject
from results import ProfilePlan, RuntimeOptions
from tests.fakes import write_onnx


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        (RuntimeOptions(), True),
        (RuntimeOptions(allow_spinning=False), False),
        (RuntimeOptions(denormal_as_zero=True), False),
    ],
)
def test_threads_that_are_not_to_spin_or_take_subnormal_numbers_for_zero_are_a_sessions_own(
    options: RuntimeOptions, shared: bool, tmp_path: Path
) -> None:
    subject = file_subject(write_onnx(tmp_path / "a.onnx"), {}, batch_size=1)
    plan = ProfilePlan(options=options, threads=2)
    session = profiles._job(plan, plan.options, subject, tmp_path, plain_first=True).session
    assert (session.shared_threads, session.stop_spinning) == (shared, not shared)
    assert session.options == options
