"""`effmod share`: a store as a zip that can be given away."""

import getpass
import itertools
import os
import re
import socket
from collections import Counter
from pathlib import Path

import msgspec

import effmod_bench
from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.runs.plan import RunPlan
from effmod_bench.runs.supplied import checkpoint_of
from effmod_bench.runs.without_folders import fed_without_folders, name_of_target, without_folder
from effmod_bench.screen.console import Console
from exporters import find_by_hash, sha256_of, writing
from models.zoo.spec import is_function
from results import (
    AccuracyRecord,
    ArtifactSource,
    ComparisonProcess,
    HandEntry,
    Profile,
    Record,
    Round,
    StatedAccuracy,
    Store,
    TimedArtifact,
)
from results.records.accuracy import ACCURACY_NAME
from results.records.words import short_hash
from results.sharing import limits
from results.sharing.archive import file_entry
from results.sharing.bundle import OWN_ENTRIES, Manifest, Needed, write_bundle
from results.sharing.private import file_name, texts_of, without_private, words_in
from results.store import no_measurements
from results.tables.words import counted

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,140}")
_KINDS = (Round, ComparisonProcess, RunPlan, HandEntry, Profile)
_OF_ACCURACY = (AccuracyRecord, StatedAccuracy)
_IMAGES = "labelled images"  # in the place of their folder's name: they are known by their hash
_NOBODY = ("root", "user", "localhost")  # names that tell of nobody


def share(console: Console, store: Store, output: Path, *, with_files: bool) -> ExitCode:
    """Pack a store's records, without what tells of hosts and users, and say what was left out.

    Args:
        with_files: bring the owner's files along, where they are found by their hash.

    Raises:
        StoreError: the store cannot be read, or holds no measurements.
        TargetError: the output is no name for a zip, or there are more records than are read of one.
        OutputError: it cannot be written.
    """
    if output.suffix.lower() != ".zip" or output.is_dir():
        raise TargetError(f"--output {output} is to be a file that ends in .zip, as in numbers.zip")
    packed, artifacts = dict[str, bytes](), dict[str, TimedArtifact]()
    runs, texts = list[RunPlan](), list[str]()
    left_out: Counter[str] = Counter()
    # What was timed is known before it is asked of what an accuracy is.
    accuracies = store.records(*_OF_ACCURACY, names=f"*{ACCURACY_NAME}*")
    for record in itertools.chain(store.records(*_KINDS), accuracies):
        match record:
            case HandEntry():
                left_out["a figure that was entered by hand: its words may name a device's owner"] += 1
                continue
            case Profile():
                left_out["a profile: its operators are called as folders are"] += 1
                continue
            case RunPlan():
                runs.append(record)
            case Round():
                artifacts |= _made(record.artifact)
            case ComparisonProcess():
                artifacts |= _made(record.baseline, record.candidate)
            case AccuracyRecord() | StatedAccuracy() if not any(map(record.of.holds_for, artifacts.values())):
                left_out["an accuracy of what was not timed"] += 1
                continue
        found = without_private(msgspec.to_builtins(_travelling(record), enc_hook=os.fspath))
        texts += dict.fromkeys(texts_of(found))
        packed[_name(record, packed)] = msgspec.json.encode(found)
    if not artifacts:
        raise no_measurements(store.path)
    if reproductions := sum('"kind":"reproduction"' in _beginning(path) for path in store.path.glob("*.json")):
        left_out["a list of what 'effmod reproduce' was to measure: it names folders"] += reproductions
    left = tuple(f"{counted(count, 'record')}, {what}" for what, count in left_out.items())
    needed, files = _owned(artifacts, runs, with_files=with_files)
    _check_size(store, packed, len(files))
    manifest = Manifest(effmod=effmod_bench.__version__, records=len(packed), left_out=left, needed=needed)
    with writing(output):
        size = write_bundle(output, sorted(packed.items()), manifest, files)
    _say(console, output, size, manifest, list(dict.fromkeys(texts)), with_files=with_files)
    return ExitCode.OK


def _made(*artifacts: TimedArtifact) -> dict[str, TimedArtifact]:
    """By their hashes those of which there is a file."""
    return {artifact.sha256: artifact for artifact in artifacts if artifact.is_made}


def _check_size(store: Store, packed: dict[str, bytes], files: int) -> None:
    """Refuse to make a zip that nobody could read."""
    records = limits.MOST_ENTRIES - len(OWN_ENTRIES) - files
    if len(packed) > records or sum(map(len, packed.values())) > limits.RECORDS_BYTES:
        raise TargetError(
            f"{store.path} holds {counted(len(packed), 'record')}, and of a zip no more than {records} are read, of "
            f"{limits.RECORDS_BYTES / 1e9:.1f} GB together: copy those of some runs into a folder, and share that"
        )


def _travelling(record: Record) -> Record:
    """A run with names in the place of paths, and what it was a part of left out; no name of a folder of images."""
    if isinstance(record, AccuracyRecord):
        return msgspec.structs.replace(record, data=_IMAGES)
    if not isinstance(record, RunPlan):
        return record
    anchor, choices = record.anchor, record.choices
    return msgspec.structs.replace(
        record,
        targets=tuple(map(name_of_target, record.targets)),
        anchor=anchor and msgspec.structs.replace(anchor, target=name_of_target(anchor.target)),
        choices=msgspec.structs.replace(
            choices,
            checkpoint=choices.checkpoint and without_folder(choices.checkpoint),
            checkpoints=tuple((name_of_target(name), without_folder(path)) for name, path in choices.checkpoints),
        ),
        top1={name_of_target(name): percent for name, percent in record.top1.items()},
        given=fed_without_folders(record.given),
        reproduction=None,
    )


def _name(record: Record, taken: dict[str, bytes]) -> str:
    """What its file is called: by its id, where that is one of ours."""
    return record.id if _SAFE_ID.fullmatch(record.id) else f"record-{len(taken):06}"


def _beginning(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return file.read(200).decode(errors="replace")
    except OSError:
        return ""


def _owned(
    artifacts: dict[str, TimedArtifact], runs: list[RunPlan], *, with_files: bool
) -> tuple[tuple[Needed, ...], list[tuple[str, Path]]]:
    """The files of the owner's without which rows cannot be measured again, and where those lie that are brought."""
    needed, files = list[Needed](), list[tuple[str, Path]]()
    left = limits.FILES_BYTES

    def need(name: str, sha256: str, path: Path | None) -> None:
        nonlocal left
        size = path.stat().st_size if path is not None else 0
        if path is None or size > left:
            needed.append(Needed(name=name, sha256=sha256))
            return
        left -= size
        whole = sha256_of(path)
        needed.append(Needed(name=name, sha256=whole, brought=True))
        files.append((file_entry(whole, path.name), path))

    for sha256, artifact in sorted(artifacts.items()):
        if artifact.source is ArtifactSource.FILE or is_function(artifact.name):
            need(artifact.name, sha256, _timed_file(artifact, runs) if with_files else None)
    for beginning, name in sorted(
        {found: name for each in artifacts.values() for name, found in checkpoint_of(each)}.items()
    ):
        need(name, beginning, _checkpoint(beginning, runs) if with_files else None)
    return tuple(needed), sorted(files)


def _timed_file(artifact: TimedArtifact, runs: list[RunPlan]) -> Path | None:
    """The file that was timed, where it still is what it was; one with its weights in other files is not found."""
    named = (Path(target) for run in runs for target in run.targets if file_name(target) == artifact.name)
    for path in dict.fromkeys((*named, Path(artifact.name))):
        if path.is_file() and sha256_of(path) == artifact.sha256:
            return path
    return find_by_hash(artifact.sha256)


def _checkpoint(beginning: str, runs: list[RunPlan]) -> Path | None:
    """The checkpoint whose hash begins so."""
    named = (path for run in runs for path in (run.choices.checkpoint, *(path for _, path in run.choices.checkpoints)))
    for path in dict.fromkeys(named):
        if path is not None and path.is_file() and sha256_of(path).startswith(beginning):
            return path
    return None


def _say(console: Console, output: Path, size: int, manifest: Manifest, texts: list[str], *, with_files: bool) -> None:
    console.note(f"{output}: {counted(manifest.records, 'record')}, {size / 1e6:.2f} MB, without hosts, users, folders")
    for each in manifest.left_out:
        console.note(f"left out: {each}")
    if missing := [each for each in manifest.needed if not each.brought]:
        names = ", ".join(f"{each.name} (sha256 {short_hash(each.sha256)})" for each in missing)
        more = f"or more than {limits.FILES_BYTES / 1e9:.1f} GB together"
        hint = f"not found by its hash, in several files, {more}" if with_files else "--with-files brings them along"
        console.warn(f"who measures it again needs files of yours, {hint}: {names}")
    if brought := [each.name for each in manifest.needed if each.brought]:
        console.warn(f"files of yours are in it: {', '.join(brought)}")
    for word, held in words_in(texts, _own_words()).items():
        console.warn(
            f"{word!r}, the name of this user or host, stands in what others would read; look whether it tells of you: "
            + "; ".join(held[:5])
        )
    files = f" --files ./{output.name}" if brought else ""
    console.note(f"Who has it enters: effmod reproduce ./{output.name}{files}")


def _own_words() -> list[str]:
    """What this user and this host are called."""
    try:
        names = [getpass.getuser()]
    except (OSError, KeyError):  # a container's user may have no name
        names = []
    host = socket.gethostname()
    names += [host, host.partition(".")[0]]
    return [name for name in dict.fromkeys(names) if len(name) > 2 and name.lower() not in _NOBODY]
