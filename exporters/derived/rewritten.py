"""A user's own ONNX file, rewritten, and proved to compute what it computed before."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
import onnx

from exporters.artifact.accuracy import Accuracy
from exporters.artifact.files import arriving
from exporters.artifact.hashes import sha256_of
from exporters.artifact.scratch import scratch
from exporters.artifact.sidecar import Parity, TensorSpec, read_sidecar_as, write_sidecar
from exporters.derived.chosen import NOTHING, Words
from exporters.derived.feeds import make_feeds, shaped
from exporters.derived.sidecar import facts
from exporters.errors import ArtifactError, ExportError, ParityError
from exporters.feeds.given import Given, resolve
from exporters.feeds.words import is_file
from exporters.onnx import rewrites as onnx_rewrites
from exporters.onnx.graph import every_node, external_files, opset_of, read_graph, unshaped, with_shapes
from exporters.onnx.rewrites.registry import apply
from exporters.onnx.settled import settle
from exporters.proof.files import FEWER, Feeds, check_repeatable, compare_files, judge_files, with_subnormals
from exporters.quiet import quiet
from exporters.rewrites import RewriteReport
from exporters.stage import Stage, enter
from models.zoo.words import first_line, runtime_words

_MAY_DRAW = (
    "Bernoulli",
    "Dropout",  # in training
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)
"""Operators that draw. Two sessions may draw the same, so that one file is equal to the other and to nothing else."""


class RewrittenFile(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of a user's own file that was rewritten. effmod does not know the network, only the file.

    Attributes:
        original: name of the file that it was made of.
        original_sha256: of that file, and the files beside it that hold its weights.
        constant_inputs: how many inputs of that file held weights, as all did before IR 4; here they are constants.
        shapes: of the inputs on which the two were compared.
        fed: what these were fed, in words, but for what came from files.
        dropped: of the rewrites that were asked for, those that were left out, by name, each with its reason.
        parity: against that file.
        versions: of everything that had a hand in making it.
        accuracy: as in the sidecar of an artifact.
    """

    rewritten_version: int = 2  # 1 had no `shapes`
    original: str
    original_sha256: str
    rewrites: tuple[RewriteReport, ...]
    constant_inputs: int = 0
    shapes: dict[str, tuple[int, ...]]
    fed: dict[str, str] = {}
    dropped: dict[str, str] = {}
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    parity: Parity
    versions: dict[str, str]
    size_bytes: int
    sha256: str
    accuracy: tuple[Accuracy, ...] = ()


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file to rewrite, and what it is compared on.

    Attributes:
        light: the graph without the weights beside it, which `beside` names.
    """

    path: Path
    light: onnx.ModelProto
    graph: onnx.ModelProto
    beside: tuple[Path, ...]
    shapes: Mapping[str, tuple[int, ...]]
    given: Words

    def feeds(self) -> list[dict[str, npt.NDArray[Any]]]:
        return make_feeds(self.path, self.graph, self.shapes, self.given)


def rewrite_file(
    path: Path, folder: Path, names: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]], *, given: Words = NOTHING
) -> tuple[Path, RewrittenFile]:
    """Rewrite an ONNX file into a folder, weights inside; returns the new file and its sidecar.

    Where all rewrites together fail, or give a file that does not run or computes something else, they are tried one
    by one: those that do so on top of the sound ones before them are dropped, and stand in the sidecar with their
    reasons.

    Args:
        names: of `onnx_rewrites.NAMES`.
        shapes: of the inputs, by name, without an open dimension: what the two files are compared on.
        given: what inputs are fed there, by name; others by the rule.

    Raises:
        ArtifactError: the file is not ONNX, is not valid, reaches outside its folder, does not run, or draws random
            numbers.
        ExportError: a rule failed, and there is no other that did not.
        ParityError: the new file computes something else, whichever rewrite it has; it was not kept.
        OutputError: the folder cannot be written.
    """
    light = read_graph(path)
    source = _Source(
        path=path,
        light=light,
        beside=tuple(external_files(light, path)),
        graph=onnx.load(path),
        shapes=shapes,
        given=given,
    )
    _check_draws_nothing(path, light, source.feeds)
    try:
        return _make(source, folder, names)
    except (ArtifactError, ExportError, ParityError):
        if len(names) == 1 or not _is_comparable(source):
            raise
        sound, dropped = _sound(source, names)
        if not sound:
            raise
    return _make(source, folder, sound, dropped)


def _check_draws_nothing(path: Path, light: onnx.ModelProto, make: Callable[[], Feeds]) -> None:
    """Refuse a file that gives other outputs for the same inputs; `make` makes those that it is compared on."""
    if any(node.op_type in _MAY_DRAW for node in every_node(light)):
        for feed in make():  # each: a branch that draws may be taken by one of them alone
            check_repeatable(path, [feed])


def _make(
    source: _Source, folder: Path, names: tuple[str, ...], dropped: Mapping[str, str] | None = None
) -> tuple[Path, RewrittenFile]:
    """The file with these rewrites, proved."""
    path, shapes = source.path, source.shapes
    applied = _applied(source, names)
    rewritten, reports = applied.graph, applied.reports
    # A file that is named after its opset, which a rewrite may raise, has the new one's name.
    stem = re.sub(rf"opset{opset_of(source.light)}(?!\d)", f"opset{opset_of(rewritten)}", path.stem)
    final = folder / f"{stem}-{'-'.join(_marks(names, reports, shapes))}.onnx"
    with arriving(final) as new:
        onnx.save(rewritten, new)
        feeds = source.feeds()
        parity = compare_files(path, new, feeds)
        try:
            judge_files(path, new, parity)
        except ParityError as error:
            raise ParityError(f"{error} The file was not kept.") from error
        parity = with_subnormals(parity, new, feeds)
        shared = facts(path, source.beside, new, rewritten, parity, makers=("onnx", "onnxscript"))
        fed = {name: words[0] for name, words in source.given.items() if not is_file(words[0])}
        sidecar = RewrittenFile(
            **shared,
            rewrites=reports,
            constant_inputs=applied.constant_inputs,
            shapes=dict(shapes),
            fed=fed,
            dropped=dict(dropped or {}),
        )
        write_sidecar(new, sidecar)
    return final, sidecar


class _Applied(msgspec.Struct, frozen=True):
    """A rewritten graph, what was done to it, and how many inputs with weights are constants in it."""

    graph: onnx.ModelProto
    reports: tuple[RewriteReport, ...]
    constant_inputs: int


def _applied(source: _Source, names: Sequence[str]) -> _Applied:
    enter(Stage.MAKING)
    try:
        settled, constant_inputs = settle(source.graph, source.shapes)
        with quiet("onnx_ir", "onnxscript"):  # of what they cannot do the reports say enough
            rewritten, reports = apply(settled, names, source.shapes)
        rewritten, _ = settle(rewritten, source.shapes)  # with constants in place, more is known
        # In full it compares shapes, too, which the file must then have.
        onnx.checker.check_model(with_shapes(rewritten), full_check=not unshaped(rewritten))
    except Exception as error:  # rules and checker raise what they like
        raise ExportError(
            f"{source.path.name} cannot be rewritten: {first_line(error)}; try fewer, as in --rewrite batch_norm"
        ) from error
    return _Applied(rewritten, reports, constant_inputs)


def _is_comparable(source: _Source) -> bool:
    """Whether any file could be proved equal to it: the file itself could be, which then runs, too."""
    try:
        judge_files(source.path, source.path, compare_files(source.path, source.path, source.feeds()))
    except (ArtifactError, ParityError):
        return False
    return True


def _sound(source: _Source, names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The rewrites with which the file stays equal, one on top of the other; and why each of the others is not kept."""
    sound: tuple[str, ...] = ()
    dropped: dict[str, str] = {}
    with scratch(Path(tempfile.gettempdir()), "effmod-rewrite-") as folder:
        for name in names:
            tried, file = (*sound, name), folder / f"{source.path.stem}-{name}.onnx"
            try:
                onnx.save(_applied(source, tried).graph, file)
                judge_files(source.path, file, compare_files(source.path, file, source.feeds()))
            except ExportError as error:
                dropped[name] = f"it fails: {first_line(error.__cause__ or error)}"
            except ArtifactError as error:
                said = runtime_words(error.__cause__ or error).partition("\n")[0].replace(f"{file.parent}{os.sep}", "")
                dropped[name] = f"ONNX Runtime cannot run the file with it: {said}"
            except ParityError as error:
                dropped[name] = str(error).removesuffix(FEWER)
            else:
                sound = tried
    return sound, dropped


def read_rewritten(path: Path) -> RewrittenFile | None:
    """The sidecar beside a file that was rewritten; None where there is none of that kind.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    return read_sidecar_as(path, RewrittenFile)


def compare_again(path: Path, sidecar: RewrittenFile, original: Path, *, given: Given) -> Parity:
    """Compare a rewritten file with the one that it was made of, on inputs like those of the first time.

    Args:
        given: what the user says is fed; the rest as the first time, or by the rule where that was a file's.

    Raises:
        FeedError: what is given does not fit.
        ArtifactError: one of the files cannot be used, or `original` is not the one that it was made of.
        ParityError: one has more outputs than the other, or larger ones.
    """
    read_graph(path)  # refuses what cannot be trusted before the runtime sees it
    graph = read_graph(original)
    sha256 = sha256_of(original, *external_files(graph, original))
    if sha256 != sidecar.original_sha256:
        raise ArtifactError(
            f"{original} is not the {sidecar.original} that {path.name} was rewritten from (sha256 {sha256[:12]}, and "
            f"{sidecar.original_sha256[:12]} then); name that one with --against PATH, or rewrite the new one"
        )
    words: dict[str, tuple[str, ...]] = {name: (each,) for name, each in sidecar.fed.items()}
    words |= resolve(given, shaped(graph, sidecar.shapes), original)
    feeds = make_feeds(original, graph, sidecar.shapes, words)
    _check_draws_nothing(original, graph, lambda: feeds)
    return with_subnormals(compare_files(original, path, feeds), path, feeds)


def _marks(
    names: tuple[str, ...], reports: tuple[RewriteReport, ...], shapes: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """What tells the new file's name from the old one's: the rewrites, and the shapes where they were fixed."""
    marks = ["rewritten" if names == onnx_rewrites.NAMES else "+".join(names)]
    if any(report.name == "static_shapes" and report.count for report in reports):
        marks += ["x".join(map(str, shape)) for shape in shapes.values() if shape]
    return marks
