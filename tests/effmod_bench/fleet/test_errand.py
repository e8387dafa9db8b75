from typing import Any

import pytest

from effmod_bench.fleet.errand import time_errand
from effmod_bench.fleet.messages import Errand
from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Broken, PairJob, PairMember
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, Runtime, RuntimeOptions
from tests.fakes import MACHINE


def _member(runtime: Runtime) -> PairMember:
    options = RuntimeOptions(runtime=runtime)
    request = SessionRequest(path="net", device=Device.CPU, options=options, intra_op_num_threads=1)
    return PairMember(session=request, inputs=(), mean=(0.0,), std=(1.0,))


def test_runtimes_that_cannot_share_a_process_have_one_each_elsewhere_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run_job(job: PairJob, **_: Any) -> Broken:
        started.append([*job.members])
        return Broken(reason="enough", detail="")

    monkeypatch.setattr(place, "run_job", run_job)
    for runtime in (Runtime.PYTORCH, Runtime.OPENVINO):
        members = {"A": _member(Runtime.ONNXRUNTIME), "B": _member(runtime)}
        job = PairJob(members=members, load_order="BA", order="ABBA", warmup_runs=1, cores=None)
        time_errand(Errand(job=job, folders={}, timeout_s=None), {}, MACHINE)
    assert started == [["B"], ["A", "B"]]
