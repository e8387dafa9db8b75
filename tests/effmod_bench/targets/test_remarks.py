from pathlib import Path

import msgspec
import pytest

from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.remarks import with_remarks
from effmod_bench.targets.subjects import file_subject
from models import Preprocessing
from results import ArtifactSource, Remarks
from tests.exporters.onnx.test_channels import convolution
from tests.fakes import timed_artifact


@pytest.mark.parametrize(
    ("name", "image_size", "elsewhere"),
    [
        ("mobileformer_508m", 256, "adaptive pooling, where the reference pools 7x7: not the reference"),
        ("mobileformer_508m(num_tokens=8)", 256, "adaptive pooling, where the reference pools 7x7: not the reference"),
        ("mobileformer_508m", 224, ""),
        ("efficientmod_xxs", 256, ""),
        ("no_longer_there", 256, ""),
        ("mine.py:net", 256, ""),
    ],
)
def test_a_network_that_is_another_one_at_other_sizes_says_so_there(name: str, image_size: int, elsewhere: str) -> None:
    artifact = timed_artifact(name, image_size=image_size)
    subject = Subject(path=Path(name), artifact=artifact, preprocessing=Preprocessing(), stamps=())
    assert with_remarks(subject, [6]).remarks == Remarks(unaligned_channels=(6,), elsewhere=elsewhere)
    file = msgspec.structs.replace(artifact, source=ArtifactSource.FILE)
    assert with_remarks(msgspec.structs.replace(subject, artifact=file)).remarks == Remarks()


def test_a_file_of_the_users_own_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(convolution(118, 118, 118).SerializeToString())
    subject = file_subject(tmp_path / "own.onnx", {}, batch_size=1)
    assert subject.remarks == Remarks(unaligned_channels=(118,))
