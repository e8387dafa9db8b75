"""Core ML's plan, with a stand-in for what tells of it: the plans are made up, in the types of coremltools."""

import pytest

from effmod_bench.instrument.process.messages import ProfileJob
from effmod_bench.instrument.process.profiled import run_profile
from effmod_bench.instrument.profilers.profiler import ProfileError
from exporters import InputKind
from tests.effmod_bench.instrument.sessions import test_coreml as mac
from tests.effmod_bench.instrument.sessions.test_coreml import AppleModel, AppleOperator, apple, packages  # noqa: F401

pytestmark = mac.pytestmark


@pytest.fixture
def job(packages: dict[InputKind, object]) -> ProfileJob:  # noqa: F811
    path = packages[InputKind.TENSOR]
    return ProfileJob(
        session=mac.request(path),  # type: ignore[arg-type]
        inputs=(),
        warmup_runs=0,
        runs=1,
        plain_first=False,
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
    )


def test_of_each_operator_the_plan_tells_the_processor_and_a_share_and_nothing_runs(
    apple: type[AppleModel],  # noqa: F811
    job: ProfileJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operators = (
        AppleOperator("const", gives=("weight",)),
        AppleOperator("ios16.conv", "NeuralEngine", 0.75, gives=("a",), reads=("x", "weight")),
        AppleOperator("cast", None, None, gives=("b",), reads=("a",)),
    )
    monkeypatch.setattr(apple, "operators", operators)
    done = run_profile(job, on_warm=lambda _: None)
    assert [(each.name, each.kind, each.provider, each.weight) for each in done.operators] == [
        ("a", "conv", "Neural Engine", 0.75),
        ("b", "cast", "", 0.0),
    ]
    assert done.operators[0].around == ("x", "weight")
    assert (done.run_us, done.with_ns, apple.fed) == ((), (), [])
    assert len(apple.loaded) == 2  # the package, and its plan but once


def test_an_older_mac_says_what_a_plan_needs(
    apple: type[AppleModel],  # noqa: F811
    job: ProfileJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apple, "has_plans", False)
    with pytest.raises(ProfileError, match=r"macOS 14\.4 or later"):
        run_profile(job, on_warm=lambda _: None)


@pytest.mark.usefixtures("apple")
def test_a_plan_without_costs_is_no_profile(job: ProfileJob) -> None:
    with pytest.raises(ProfileError, match="the cost of no operator"):
        run_profile(job, on_warm=lambda _: None)
