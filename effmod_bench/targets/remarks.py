"""What the record says of a target that a reader of its latency should know."""

from collections.abc import Sequence

import msgspec

from effmod_bench.instrument.subject import Subject
from models import UnknownModelError
from models.zoo.named import split
from models.zoo.registry import zoo_row
from models.zoo.spec import is_own
from results import ArtifactSource, Remarks, TimedArtifact


def with_remarks(subject: Subject, unaligned_channels: Sequence[int] = ()) -> Subject:
    """A subject with what is to be said of it: of its file, and of its network at its image size.

    Args:
        unaligned_channels: of its convolutions.
    """
    remarks = Remarks(unaligned_channels=tuple(unaligned_channels), elsewhere=_elsewhere(subject.artifact))
    return msgspec.structs.replace(subject, remarks=remarks)


def _elsewhere(artifact: TimedArtifact) -> str:
    if artifact.source is not ArtifactSource.ZOO or is_own(artifact.name):
        return ""
    try:
        row = zoo_row(split(artifact.name)[0])
    except UnknownModelError:  # an older effmod's, or a plug-in's that is not installed any more
        return ""
    return row.elsewhere if artifact.image_size not in (None, row.image_size) else ""
