"""Accuracies as records: what was measured of a file, and what a person states of what is timed."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.instrument.clock import utc_now
from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.names import file_format, is_of_effmod
from exporters import Accuracy, read_sidecar
from results import AccuracyOf, AccuracyRecord, StatedAccuracy, TimedArtifact
from results.records.accuracy import ACCURACY_NAME


def identify(path: Path, sha256: str, *, image_size: int) -> AccuracyOf:
    """What an accuracy of a file is of, as far as its sidecar says.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    from exporters.derived.machine import read_machine_file

    format_ = file_format(path)
    sidecar = read_sidecar(path)
    if sidecar is not None and sidecar.sha256 == sha256:
        return AccuracyOf(
            name=sidecar.model,
            sha256=sha256,
            format=format_,
            form=sidecar.form,
            image_size=image_size,
            weights=_told_apart(sidecar.model, str(sidecar.weights)),
        )
    machine = read_machine_file(path)
    form = "machine-specific" if machine is not None and machine.sha256 == sha256 else None
    name = machine.network if machine and form else None
    return AccuracyOf(
        name=name or path.name, sha256=sha256, format=format_, form=form, image_size=image_size, weights=None
    )


def of_timed(artifact: TimedArtifact) -> AccuracyOf:
    """What an accuracy of something timed is of."""
    return AccuracyOf(
        name=artifact.name,
        sha256=artifact.sha256,
        format=artifact.format,
        form=artifact.form,
        image_size=artifact.image_size,
        weights=_told_apart(artifact.name, artifact.weights),
    )


def _told_apart(name: str, weights: str | None) -> str | None:
    """Weights that tell a network from all others together with its name: that of a function, or of a plug-in's
    network, may stand for other code tomorrow, with which the same weights are as accurate or not."""
    return weights if is_of_effmod(name) else None


def record_of(of: AccuracyOf, accuracies: Sequence[Accuracy]) -> AccuracyRecord:
    """What a store keeps of a file's accuracy: that in its own precision. The same measurement has the same id."""
    own = accuracies[-1]
    return AccuracyRecord(
        id=f"{_as_id(own.measured_at)}-{of.sha256[:8]}{ACCURACY_NAME}",
        started_at=own.measured_at,
        of=of,
        precision=own.precision,
        images=own.images,
        skipped=own.skipped,
        right=own.right,
        right_in_five=own.right_in_five,
        data=own.data.name,
        classes=own.data.classes,
        data_sha256=own.data.sha256,
    )


def with_measured(subject: Subject, accuracies: Sequence[Accuracy]) -> Subject:
    """A subject with what its sidecar says of its accuracy, if anything."""
    if not accuracies:
        return subject
    return msgspec.structs.replace(subject, accuracies=(record_of(of_timed(subject.artifact), accuracies),))


def stated(artifact: TimedArtifact, top1: float) -> StatedAccuracy:
    """What a person states of what is timed."""
    now = utc_now().isoformat(timespec="milliseconds")
    return StatedAccuracy(
        id=f"{_as_id(now)}-{artifact.sha256[:8]}-stated{ACCURACY_NAME}",
        started_at=now,
        of=of_timed(artifact),
        top1=top1,
    )


def _as_id(moment: str) -> str:
    """A time as the beginning of an id, such as "20261128T202713123" of 2026-11-28T20:27:13.123+00:00."""
    return re.sub(r"[^0-9T]", "", moment.partition("+")[0])
