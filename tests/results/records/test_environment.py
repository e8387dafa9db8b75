import msgspec
import pytest

from results import GpuState
from tests.fakes import MACHINE, make_round

GPU = GpuState(**dict.fromkeys(GpuState.__struct_fields__) | {"name": "A GPU", "driver": "580"})


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 1},
        {"gpu_before": GPU},
        {"machine": msgspec.structs.replace(MACHINE, available_cores=1)},
        {"machine": msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})},
    ],
)
def test_another_machine_version_or_number_of_threads_is_another_environment(changes: dict[str, object]) -> None:
    environment = make_round().environment
    assert msgspec.structs.replace(environment, **changes).stable != environment.stable


@pytest.mark.parametrize(
    "changes",
    [
        {"load_average": 9.0},
        {"session": None},
        {"machine": msgspec.structs.replace(MACHINE, governor="powersave", effmod_commit="abc")},
        {"machine": msgspec.structs.replace(MACHINE, gpu_versions={"nvidia-cudnn-cu13": "9"})},
    ],
)
def test_what_comes_and_goes_leaves_it_the_same(changes: dict[str, object]) -> None:
    environment = make_round().environment
    assert msgspec.structs.replace(environment, **changes).stable == environment.stable


def test_a_gpus_libraries_are_of_its_environment() -> None:
    environment = msgspec.structs.replace(make_round().environment, gpu_before=GPU)
    machine = msgspec.structs.replace(environment.machine, gpu_versions={"nvidia-cudnn-cu13": "9"})
    assert msgspec.structs.replace(environment, machine=machine).stable != environment.stable
