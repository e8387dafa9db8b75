"""The names that stand where torch must not be imported are those of the rewrites."""

from pathlib import Path

import msgspec
import pytest
import torch

import models
from exporters import Format, OnnxConfig, obtain
from exporters.rewrites import AUTO, DECISIVE, EXACT, NAMES, RETRAIN, REWRITES, Equivalence, RewriteError

CONFIG = OnnxConfig(image_size=32, simplify=False, rewrites=EXACT)


def test_the_names_are_those_of_the_rewrites() -> None:
    assert set(EXACT) | set(RETRAIN) == set(REWRITES)
    assert [rewrite.NAME for rewrite in REWRITES.values()] == list(REWRITES) == list(NAMES)
    assert {name for name, rewrite in REWRITES.items() if rewrite.EQUIVALENCE is Equivalence.EXACT} == set(EXACT)
    assert [name for name in REWRITES if name in EXACT] == list(EXACT)
    assert set(DECISIVE) <= set(AUTO[Format.ONNX])


def test_an_exact_rewriting_is_compared_with_the_network_that_it_came_from() -> None:
    made = obtain(models.find_model("efficientmod_xxs"), CONFIG)
    artifact = made.artifact
    assert artifact.form == "rewritten"
    assert made.path.name == "efficientmod_xxs-32px-unsimplified.onnx"
    assert {report.name: report.count for report in artifact.rewrites}["channels_first"] > 0
    assert artifact.parity.relative_error < 1e-5


def test_branches_that_the_zoo_merged_are_listed_whatever_is_asked() -> None:
    artifact = obtain(models.find_model("mobileone_s1"), OnnxConfig(image_size=64, simplify=False)).artifact
    (report,) = artifact.rewrites
    assert (report.name, report.equivalence, report.count) == ("reparameterization", "exact", 99)
    assert artifact.form == "plain"


def test_retraining_rewrites_refuse_a_checkpoint(tmp_path: Path) -> None:
    spec = models.find_model("efficientmod_xxs")
    torch.save(models.create_model(spec.name).state_dict(), tmp_path / "x.pth")
    config = msgspec.structs.replace(CONFIG, rewrites=RETRAIN)
    with pytest.raises(RewriteError, match="not a fold"):
        obtain(spec, config, checkpoint=tmp_path / "x.pth")


def test_a_rewritten_network_has_a_fixed_batch() -> None:
    with pytest.raises(ValueError, match="fixed batch"):
        OnnxConfig(image_size=32, dynamic_batch=True, rewrites=EXACT)
