from typing import Any

import msgspec
import pytest

from results import ArtifactSource, Fed, Machine, Measurement, Round, StabilityWarning, summarise
from results.statistics.conditions import Weight, conditions, other_makers
from tests.fakes import MACHINE, make_round, timed_artifact


def measured(machine: Machine = MACHINE, *, threads: int = 2, artifact: Any = None) -> Measurement:
    rounds: list[Round] = [
        make_round([10 + i / 100], index=i, machine=machine, threads=threads, artifact=artifact) for i in range(4)
    ]
    (found,) = summarise(rounds)
    return found


def on(**changes: Any) -> Measurement:
    return measured(msgspec.structs.replace(MACHINE, **changes))


def test_nothing_differs_from_itself() -> None:
    assert conditions(measured(), measured()) == ()


@pytest.mark.parametrize(
    ("changes", "said", "weight"),
    [
        ({"cpu_model": "Another"}, "processor: A CPU there, Another here", Weight.HARDWARE),
        ({"cpu_model": None}, "processor: A CPU there, unknown here", Weight.PERHAPS),
        ({"architecture": "arm64"}, "architecture: x86_64 there, arm64 here", Weight.HARDWARE),
        ({"physical_cores": 4}, "physical cores: 2 there, 4 here", Weight.HARDWARE),
        ({"available_cores": 3}, "cores that it may use: 2 there, 3 here", Weight.PERHAPS),
        ({"available_cores": 1}, "cores that it may use: 2 there, 1 here", Weight.SETTING),
        ({"cpu_quota": 1.5}, "a container's limit, in cores: none there, 1.5 here", Weight.SETTING),
        ({"governor": "powersave"}, "governor: unknown there, powersave here", Weight.PERHAPS),
        ({"affinity": (0, 1)}, "which cores: unknown there, 0,1 here", Weight.PERHAPS),
        ({"os": "Linux 7"}, "system: Linux 6 there, Linux 7 here", Weight.PERHAPS),
        ({"versions": {"python": "3.14"}}, "python: 3.11.7 there, 3.14 here", Weight.PERHAPS),
        ({"memory_bytes": 1}, "memory: 8589934592 there, 1 here", Weight.SEEN),
        ({"effmod_commit": "abc"}, "effmod's commit: unknown there, abc here", Weight.SEEN),
    ],
)
def test_each_condition_has_its_weight(changes: dict[str, Any], said: str, weight: Weight) -> None:
    (found,) = conditions(measured(), on(**changes))
    assert (str(found), found.weight) == (said, weight)


def test_the_likely_cause_comes_first() -> None:
    theirs = measured(msgspec.structs.replace(MACHINE, versions={"python": "3.11", "onnxruntime": "1.23"}))
    changed = {"cpu_model": "Another", "governor": "performance", "memory_bytes": 1}
    ours = measured(
        msgspec.structs.replace(MACHINE, versions={"python": "3.12", "onnxruntime": "1.24"}, **changed), threads=1
    )
    assert [each.name for each in conditions(theirs, ours)] == [
        "threads",
        "processor",
        "onnxruntime",
        "governor",
        "python",
        "memory",
    ]


def test_a_warning_of_the_machine_on_one_side_alone_is_a_condition() -> None:
    theirs = measured()
    ours = msgspec.structs.replace(theirs, warnings=(StabilityWarning.THROTTLED, StabilityWarning.DRIFT))
    (found,) = conditions(theirs, ours)
    assert str(found) == "state of the machine: none there, throttled here"
    assert not conditions(ours, ours)


@pytest.mark.parametrize(
    ("then", "now", "weight"),
    [
        ({"onnx": "1.18"}, {"onnx": "1.19"}, Weight.SETTING),
        ({"onnx": "1.18"}, {"onnx": "1.18"}, Weight.SEEN),
        ({}, {"onnx": "1.18"}, Weight.PERHAPS),
    ],
)
def test_another_file_is_explained_by_other_makers_alone(
    then: dict[str, str], now: dict[str, str], weight: Weight
) -> None:
    theirs, ours = on(maker_versions=then), on(maker_versions=now)
    ours = msgspec.structs.replace(ours, artifact=msgspec.structs.replace(ours.artifact, sha256="6" * 64, opset=18))
    first, second, *_ = conditions(theirs, ours)
    assert (first.name, first.weight) == ("file", weight)
    assert str(second) == "file's opset: 20 there, 18 here"
    assert bool(other_makers(theirs.machine, ours.machine)) is (weight is Weight.SETTING)


def test_another_file_of_somebodys_own_is_explained_by_nothing_and_other_weights_seldom_cost_time() -> None:
    theirs, ours = on(maker_versions={"onnx": "1"}), on(maker_versions={"onnx": "2"})
    other = msgspec.structs.replace(ours.artifact, sha256="6" * 64)
    own = msgspec.structs.replace(ours, artifact=msgspec.structs.replace(other, source=ArtifactSource.FILE))
    assert conditions(theirs, own)[0].weight is Weight.SEEN
    trained = msgspec.structs.replace(ours, artifact=msgspec.structs.replace(other, weights="best.pth (sha256 0)"))
    assert conditions(theirs, trained)[0].weight is Weight.PERHAPS


def test_another_input_is_said_with_its_hash() -> None:
    def fed(sha256: str) -> Measurement:
        artifact = timed_artifact()
        (tensor,) = artifact.inputs
        tensor = msgspec.structs.replace(tensor, fed=Fed(value="image", sha256=sha256))
        return measured(artifact=msgspec.structs.replace(artifact, inputs=(tensor,)))

    (found,) = conditions(fed("1" * 64), fed("2" * 64))
    assert str(found) == "input: input 1x3x224x224 image (1111111) there, input 1x3x224x224 image (2222222) here"
    assert found.weight is Weight.PERHAPS
