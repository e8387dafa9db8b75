from pathlib import Path

import msgspec
import pytest

from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets import target
from effmod_bench.targets.names import network_input
from effmod_bench.targets.subjects import file_subject
from effmod_bench.targets.target import DenseTarget, FileTarget, NetworkTarget, UnbuiltTarget, unmade_subject
from models import UnknownModelError, find_model
from models.dense.spec import find_dense
from tests.fakes import timed_artifact, write_onnx

SPEC = find_model("efficientmod_xxs")


def network(choices: ExportChoices, *, as_it_is: bool = False) -> NetworkTarget:
    return NetworkTarget(spec=SPEC, choices=choices, as_it_is=as_it_is)


def test_the_work_grows_with_the_images_and_with_their_area() -> None:
    assert network(ExportChoices()).macs == SPEC.macs
    assert network(ExportChoices(image_size=448, batch_size=2)).macs == SPEC.macs * 4 * 2


@pytest.mark.parametrize("as_it_is", [False, True])
def test_what_is_looked_for_in_the_cache_is_what_the_runtime_runs(
    as_it_is: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "is_cached", lambda *_, **__: not as_it_is)
    monkeypatch.setattr(target, "is_network_cached", lambda *_, **__: as_it_is)
    assert network(ExportChoices(), as_it_is=as_it_is).is_cached
    assert not network(ExportChoices(), as_it_is=not as_it_is).is_cached


@pytest.mark.parametrize(("as_it_is", "made"), [(False, "the file"), (True, "the weights")])
def test_a_runtime_of_networks_gets_the_weights_and_any_other_the_file(
    as_it_is: bool, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[tuple[object, int]] = []
    monkeypatch.setattr(target, "obtain_artifact", lambda *_: "the file")
    monkeypatch.setattr(target, "obtain_weights", lambda *_: "the weights")
    for subject in ("zoo_subject", "network_subject"):
        monkeypatch.setattr(target, subject, lambda found, *, batch_size: timed.append((found, batch_size)))
    network(ExportChoices(batch_size=4), as_it_is=as_it_is).subject(Console(-1))
    assert timed == [(made, 4)]


@pytest.mark.parametrize(
    ("choices", "shape"),
    [
        (ExportChoices(), None),
        (ExportChoices(image_size=96), (1, 3, 96, 96)),
        (ExportChoices(image_size=96, batch_size=2), (2, 3, 96, 96)),
        (ExportChoices(batch_size=2), (2,)),
    ],
)
def test_what_could_not_be_built_is_known_by_the_size_that_was_asked_for_and_may_become_a_network_of_that_size(
    choices: ExportChoices, shape: tuple[int, ...] | None
) -> None:
    error = UnknownModelError("no luck")
    unbuilt = UnbuiltTarget(name="net.py:bad", choices=choices, as_it_is=False, error=error)
    artifact = unmade_subject(unbuilt, error).artifact
    assert [each.shape for each in artifact.inputs] == ([] if shape is None else [shape])
    built = msgspec.structs.replace(
        timed_artifact("net.py:bad"),
        inputs=(network_input(choices.batch_size, choices.image_size or 224),),
    )
    assert artifact.could_become(built)
    other = msgspec.structs.replace(built, inputs=(network_input(7, 64),))
    assert artifact.could_become(other) is (shape is None)


def test_a_detector_is_timed_with_weights_of_its_own_and_its_mode_is_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[tuple[object, int, str]] = []
    monkeypatch.setattr(target, "obtain_dense_weights", lambda _, spec: f"weights of {spec.name}")
    monkeypatch.setattr(
        target, "network_subject", lambda made, *, batch_size, form: timed.append((made, batch_size, form))
    )
    monkeypatch.setattr(target, "is_dense_cached", lambda spec: spec.form == "full")
    dummy, full = (DenseTarget(spec=find_dense(f"mask_rcnn:pvt_tiny{mode}")[0]) for mode in ("", "+full"))
    for each in (dummy, full):
        each.subject(Console(-1))
    assert timed == [(f"weights of {dummy.name}", 1, "dummy"), (f"weights of {full.name}", 1, "full")]
    assert (dummy.is_cached, full.is_cached) == (False, True)


def test_a_file_is_read_once_and_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=("n", 3, 8, 8))
    reads: list[Path] = []

    def read(path: Path, *arguments: object, **options: object) -> object:
        reads.append(path)
        return file_subject(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(target, "file_subject", read)
    file = FileTarget(path=path, shapes={}, batch_size=2)
    assert (file.name, file.macs) == ("x.onnx", None)
    assert file.subject(Console(-1)).shapes == {"x": (2, 3, 8, 8)}
    assert reads == [path]
