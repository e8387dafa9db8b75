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


def test_a_default_file_that_was_left_plain_is_timed_as_the_plain_one() -> None:
    spec = models.find_model("mobilenetv2_100")
    choices = ExportChoices(image_size=32, simplify=False)
    default, plain = (
        zoo_subject(obtain_artifact(Console(-1), spec, given), batch_size=1).artifact
        for given in (choices, msgspec.structs.replace(choices, rewrite="none"))
    )
    assert default == plain
    assert default.form == "plain"


@pytest.mark.parametrize("cached", [False, True])
def test_what_takes_time_is_said_before_and_what_was_wrong_after(
    cached: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = SimpleNamespace(note="its cached file was torn", path=Path("x"), artifact=SimpleNamespace(simplified=False))
    for check in ("is_cached", "is_network_cached"):
        monkeypatch.setattr(obtain, check, lambda *_, **__: cached)
    for make in ("obtain", "obtain_network"):
        monkeypatch.setattr(obtain, make, lambda *_, **__: made)
    spec = models.find_model("efficientmod_xxs")
    obtain_artifact(Console(), spec, ExportChoices(rewrite="none", opset=18))
    said = capsys.readouterr().err.splitlines()
    beginning = "exporting efficientmod_xxs (onnx, --rewrite none, --opset 18) and checking it ..."
    assert (said[0] == beginning) is not cached
    assert said[-2] == "warning: its cached file was torn"
    assert said[-1].endswith("onnxsim failed or changed the outputs, so the file is not simplified")
    obtain_weights(Console(), spec, ExportChoices())
    said = capsys.readouterr().err.splitlines()
    assert said == ["making the weights of efficientmod_xxs ..."] * (not cached) + ["warning: its cached file was torn"]
