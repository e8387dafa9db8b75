"""A user's own ONNX file, rewritten, and proved to compute what it computed before."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import onnx

from exporters.artifact.files import arriving
from exporters.artifact.hashes import sha256_of
from exporters.artifact.sidecar import Parity, TensorSpec, read_sidecar_as, write_sidecar
from exporters.derived.chosen import NOTHING, Words
from exporters.derived.feeds import make_feeds, shaped
from exporters.derived.sidecar import facts
from exporters.errors import ArtifactError, ExportError, ParityError
from exporters.feeds.given import Given, resolve
from exporters.feeds.words import is_file
from exporters.onnx import rewrites as onnx_rewrites
from exporters.onnx.graph import external_files, opset_of, read_graph, unshaped, with_shapes
from exporters.onnx.rewrites.registry import apply
from exporters.proof.files import compare_files, judge_files, with_subnormals
from exporters.rewrites import RewriteReport
from exporters.stage import Stage, enter
from models.zoo.words import first_line


class RewrittenFile(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of a user's own file that was rewritten. effmod does not know the network, only the file.

    Attributes:
        original: name of the file that it was made of.
        original_sha256: of that file, and the files beside it that hold its weights.
        shapes: of the inputs on which the two were compared.
        fed: what these were fed, in words, but for what came from files.
        parity: against that file.
        versions: of everything that had a hand in making it.
    """

    rewritten_version: int = 2  # 1 had no `shapes`
    original: str
    original_sha256: str
    rewrites: tuple[RewriteReport, ...]
    shapes: dict[str, tuple[int, ...]]
    fed: dict[str, str] = {}
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    parity: Parity
    versions: dict[str, str]
    size_bytes: int
    sha256: str


def rewrite_file(
    path: Path, folder: Path, names: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]], *, given: Words = NOTHING
) -> tuple[Path, RewrittenFile]:
    """Rewrite an ONNX file into a folder, weights inside; returns the new file and its sidecar.

    Args:
        names: of `onnx_rewrites.NAMES`.
        shapes: of the inputs, by name, without an open dimension: what the two files are compared on.
        given: what inputs are fed there, by name; others by the rule.

    Raises:
        ArtifactError: the file is not ONNX, is not valid, reaches outside its folder, or does not run.
        ExportError: a rule failed.
        ParityError: the new file computes something else; it was not kept.
        OutputError: the folder cannot be written.
    """
    light = read_graph(path)
    beside = external_files(light, path)
    graph = onnx.load(path)
    enter(Stage.MAKING)
    try:
        rewritten, reports = apply(graph, names, shapes)
        # In full it compares shapes, too, which the file must then have.
        onnx.checker.check_model(with_shapes(rewritten), full_check=not unshaped(rewritten))
    except Exception as error:  # rules and checker raise what they like
        raise ExportError(
            f"{path.name} cannot be rewritten: {first_line(error)}; try fewer, as in --rewrite batch_norm"
        ) from error
    # A file that is named after its opset, which a rewrite may raise, has the new one's name.
    stem = re.sub(rf"opset{opset_of(light)}(?!\d)", f"opset{opset_of(rewritten)}", path.stem)
    final = folder / f"{stem}-{'-'.join(_marks(names, reports, shapes))}.onnx"
    with arriving(final) as new:
        onnx.save(rewritten, new)
        feeds = make_feeds(path, graph, shapes, given)
        parity = compare_files(path, new, feeds)
        try:
            judge_files(path, new, parity)
        except ParityError as error:
            raise ParityError(f"{error} The file was not kept.") from error
        parity = with_subnormals(parity, new, feeds)
        shared = facts(path, beside, new, rewritten, parity, makers=("onnx", "onnxscript"))
        fed = {name: words[0] for name, words in given.items() if not is_file(words[0])}
        sidecar = RewrittenFile(**shared, rewrites=reports, shapes=dict(shapes), fed=fed)
        write_sidecar(new, sidecar)
    return final, sidecar


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
    return with_subnormals(compare_files(original, path, feeds), path, feeds)


def _marks(
    names: tuple[str, ...], reports: tuple[RewriteReport, ...], shapes: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """What tells the new file's name from the old one's: the rewrites, and the shapes where they were fixed."""
    marks = ["rewritten" if names == onnx_rewrites.NAMES else "+".join(names)]
    if any(report.name == "static_shapes" and report.count for report in reports):
        marks += ["x".join(map(str, shape)) for shape in shapes.values()]
    return marks
