"""`effmod verify A --against B --data FOLDER`: two files on the same images."""

import functools
from pathlib import Path

import msgspec

from effmod_bench.isolation.apart import apart
from effmod_bench.isolation.messages import Reporter
from effmod_bench.runs.labelled import Labelled, Tried, keep_accuracies
from effmod_bench.runs.opened import (
    changed_since,
    config_of,
    has_random_weights,
    in_words,
    made_with,
    open_artifact,
    preparation_of,
    read_images,
)
from effmod_bench.screen.console import Console
from effmod_bench.screen.paired import PairedFile, paired_table
from effmod_bench.targets.limits import check_memory
from effmod_bench.targets.names import network_input
from exporters import ParityError, read_sidecar
from exporters.stage import Stage
from models import Preprocessing
from results import Store
from results.tables.write import OutputFormat


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of the two; `changed`, what is wrong with one that is not its sidecar's any more."""

    rows: tuple[PairedFile, ...]
    tried: tuple[Tried, ...]
    changed: tuple[str, ...]


def verify_pair(
    path: Path,
    against: Path,
    data: Path,
    console: Console,
    output_format: OutputFormat,
    *,
    store: Store | None,
    skip_corrupt: bool,
) -> None:
    """Say how often each of two files is right on labelled images, and whether one is more often than chance has it.

    Raises:
        ArtifactError, TargetError, ImageFolderError: something cannot be used.
        MachineMismatchError: a file is machine-specific, and was made on another kind of machine.
        ParityError: a file is not its sidecar's; raised after the table is printed.
        UnfinishedError, UnfinishedProofError: loading or running something crashed, or took too long.
    """
    work = functools.partial(_try_both, path, against, data, console, skip_corrupt=skip_corrupt)
    found = apart(work, what=f"{path} against {against}", stage=Stage.LOADING)
    keep_accuracies(console, found.tried, store)
    console.table(paired_table(found.rows), output_format)
    if found.changed:
        raise ParityError(" ".join(found.changed))


def _try_both(path: Path, against: Path, data: Path, reporter: Reporter, *, skip_corrupt: bool) -> _Found:
    from exporters.proof.paired import pair

    changed = tuple(filter(None, map(changed_since, (path, against))))
    # How images are prepared for a file that was made of another one, the other may say.
    prepared = preparation_of(path), preparation_of(against)
    own, other = prepared
    both = [
        _label(path, data, own or other or Preprocessing()),
        _label(against, data, other or own or Preprocessing()),
    ]
    if prepared == (None, None):
        reporter.note(f"neither has a sidecar: images are prepared as {in_words(both[0].preprocessing)}")
    found = [each.classify(reporter, skip_corrupt=skip_corrupt) for each in both]
    tried = tuple(each.tried(classified) for each, classified in zip(both, found, strict=True))
    first, second = ((one, each.artifact.precisions[-1]) for one, each in zip(found, both, strict=True))
    rows = [
        PairedFile(name=each.path.name, accuracy=each.accuracies[-1], paired=paired)
        for each, paired in zip(tried, (pair(first, second), None), strict=True)
    ]
    return _Found(rows=tuple(rows), tried=tried, changed=changed)


def _label(path: Path, data: Path, preprocessing: Preprocessing) -> Labelled:
    artifact, sidecar = open_artifact(path), read_sidecar(path)
    config = made_with(sidecar) if sidecar is not None else config_of(artifact, None)
    check_memory(str(path), network_input(config.batch_size, config.image_size))
    images = read_images(data, preprocessing, config)
    return Labelled(
        path=path,
        artifact=artifact,
        config=config,
        preprocessing=preprocessing,
        images=images,
        is_random=has_random_weights(path),
    )
