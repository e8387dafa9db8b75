from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

import models
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets import obtain
from effmod_bench.targets.obtain import obtain_artifact, obtain_weights
from effmod_bench.targets.subjects import zoo_subject

SPEC = models.find_model("efficientmod_xxs")


def test_a_default_file_that_was_left_plain_is_timed_as_the_plain_one() -> None:
    spec = models.find_model("mobilenetv2_100")
    choices = ExportChoices(image_size=32, simplify=False)
    default, plain = (
        zoo_subject(obtain_artifact(Console(-1), spec, given), batch_size=1).artifact
        for given in (choices, msgspec.structs.replace(choices, rewrite="none"))
    )
    assert default == plain
    assert default.form == "plain"


def made(note: str | None) -> SimpleNamespace:
    return SimpleNamespace(note=note, path=Path("x"), artifact=SimpleNamespace(simplified=False))


def test_what_takes_time_is_said_before_and_what_was_wrong_after(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for find in ("cached", "cached_network"):
        monkeypatch.setattr(obtain, find, lambda *_, **__: None)
    for make in ("obtain", "obtain_network"):
        monkeypatch.setattr(obtain, make, lambda *_, **__: made("its cached file was torn"))
    obtain_artifact(Console(), SPEC, ExportChoices(rewrite="none", opset=18))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "exporting efficientmod_xxs (onnx, --rewrite none, --opset 18) and checking it ..."
    assert said[-2] == "warning: its cached file was torn"
    assert said[-1].endswith("onnxsim failed or changed the outputs, so the file is not simplified")
    obtain_weights(Console(), SPEC, ExportChoices())
    said = capsys.readouterr().err.splitlines()
    assert said == ["making the weights of efficientmod_xxs ...", "warning: its cached file was torn"]


def test_for_what_is_cached_no_process_is_started_and_nothing_is_said_but_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("effmod_bench.isolation.apart.WorkProcess", None)
    for find in ("cached", "cached_network"):
        monkeypatch.setattr(obtain, find, lambda *_, **__: made(None))
    assert obtain_artifact(Console(), SPEC, ExportChoices()).path == Path("x")
    assert capsys.readouterr().err.endswith("so the file is not simplified\n")
    assert obtain_weights(Console(), SPEC, ExportChoices()).path == Path("x")
    assert capsys.readouterr().err == ""
