"""What is fed to a target, and what the record says of it."""

import hashlib
from pathlib import Path

import msgspec

from effmod_bench.instrument.subject import Subject, stamp
from effmod_bench.targets.limits import check_memory
from exporters import FeedError
from exporters.derived.chosen import choose
from exporters.feeds.given import Given, resolve
from exporters.feeds.words import is_file, without_folder
from models import Preprocessing
from results import Fed, InputTensor


def with_feeds(subject: Subject, given: Given) -> Subject:
    """A subject with what it is fed, which is made once, to be known by its hash.

    Raises:
        FeedError: what is given does not fit.
    """
    tensors = subject.artifact.inputs
    asked = resolve(given, tensors, subject.path)
    for tensor in tensors:
        words = asked.get(tensor.name, ())
        check_memory(str(subject.path), tensor, words[0] if words else None, feeds=max(1, len(words)))
    try:
        feeds = choose(subject.path, tensors, asked)
        fed = tuple(
            msgspec.structs.replace(
                tensor, fed=_fed(tensor, feeds[tensor.name], subject.preprocessing, given=tensor.name in asked)
            )
            for tensor in tensors
        )
    except FeedError as error:
        raise FeedError(f"{subject.path}: {error}") from error
    files = dict.fromkeys(Path(words) for each in feeds.values() for words in each if is_file(words))
    return msgspec.structs.replace(
        subject,
        artifact=msgspec.structs.replace(subject.artifact, inputs=fed),
        feeds=feeds,
        stamps=(*subject.stamps, *stamp(*files)),
    )


def fed_as(subject: Subject, other: Subject) -> Subject:
    """A subject that is fed what another one is, by the same names."""
    fed = {tensor.name: tensor.fed for tensor in other.artifact.inputs}
    inputs = tuple(msgspec.structs.replace(x, fed=fed.get(x.name, x.fed)) for x in subject.artifact.inputs)
    return msgspec.structs.replace(
        subject,
        artifact=msgspec.structs.replace(subject.artifact, inputs=inputs),
        feeds={name: other.feeds.get(name, words) for name, words in subject.feeds.items()},
    )


def _fed(tensor: InputTensor, words: tuple[str, ...], preprocessing: Preprocessing, *, given: bool) -> Fed:
    from exporters.feeds.values import make_value

    sha256 = hashlib.sha256()
    for each in words:
        sha256.update(make_value(tensor, each, mean=preprocessing.mean, std=preprocessing.std).tobytes())
    return Fed(value=without_folder(words[0]), given=given, feeds=len(words), sha256=sha256.hexdigest())
