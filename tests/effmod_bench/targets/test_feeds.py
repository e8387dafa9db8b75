from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from effmod_bench.errors import ExitCode, exit_code
from effmod_bench.targets.subjects import derived_subject, file_subject
from exporters import FeedError
from exporters.feeds.given import Given
from tests.fakes import value, write_graph


@pytest.fixture
def matting(tmp_path: Path) -> Path:
    """A file whose second input, one number, says how far it scales the first."""
    return write_graph(
        tmp_path / "matting.onnx",
        [
            ("Constant", [], ["one"], {"value_floats": [1.0, 1.0]}),
            ("Concat", ["one", "ratio", "ratio"], ["scales"], {"axis": 0}),
            ("Resize", ["src", "", "scales"], ["y"], {"mode": "nearest"}),
        ],
        [value("src", TensorProto.FLOAT, [1, 3, 16, 16]), value("ratio", TensorProto.FLOAT, [1])],
        [value("y", TensorProto.FLOAT, [1, 3, "h", "w"])],
    )


def words(path: Path, given: Given) -> dict[str, tuple[str, bool]]:
    subject = file_subject(path, {}, batch_size=1, given=given)
    return {x.name: (x.fed.value, x.fed.given) for x in subject.artifact.inputs if x.fed is not None}


def test_the_record_says_what_the_rule_and_what_the_user_fed(matting: Path) -> None:
    assert words(matting, Given()) == {"src": ("image", False), "ratio": ("1", False)}
    assert words(matting, Given(feed=("ratio=0.25",))) == {"src": ("image", False), "ratio": ("0.25", True)}


def test_other_values_have_another_hash_and_the_same_ones_the_same(matting: Path) -> None:
    def sha256(number: str) -> list[str]:
        subject = file_subject(matting, {}, batch_size=1, given=Given(feed=(f"ratio={number}",)))
        return [x.fed.sha256 for x in subject.artifact.inputs if x.fed is not None]

    assert sha256("0.5")[0] == sha256("0.25")[0]
    assert sha256("0.5")[1] != sha256("0.25")[1] == sha256("0.250")[1]


def test_a_file_that_is_fed_is_named_without_its_folder_and_watched(matting: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", np.array([0.5], np.float32))
    subject = file_subject(matting, {}, batch_size=1, given=Given(feed=(f"ratio={tmp_path / 'r.npy'}",)))
    assert subject.feeds["ratio"] == (str(tmp_path / "r.npy"),)
    fed = subject.artifact.inputs[1].fed
    assert fed is not None
    assert fed.value == "r.npy"
    np.save(tmp_path / "r.npy", np.array([[0.5]], np.float32))
    assert subject.has_changed()


def test_what_does_not_fit_is_wrong_use(matting: Path) -> None:
    with pytest.raises(FeedError, match="input 'ratio' cannot be fed 'much'") as caught:
        file_subject(matting, {}, batch_size=1, given=Given(feed=("ratio=much",)))
    assert exit_code(caught.value) is ExitCode.USAGE


def test_a_file_made_of_another_is_fed_what_that_is(matting: Path) -> None:
    source = file_subject(matting, {}, batch_size=1, given=Given(feed=("ratio=0.25",)))
    made = derived_subject(matting, source)
    assert (made.feeds, made.artifact.inputs) == (source.feeds, source.artifact.inputs)
