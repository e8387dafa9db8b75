"""Settings as people read them, alike in tables, pictures and samples."""

from collections.abc import Collection, Sequence
from pathlib import PurePath

from results.records.artifact import TimedArtifact
from results.records.plan import GraphOptimization, RuntimeOptions


def short_hash(sha256: str) -> str:
    """As much of a hash as tells files apart."""
    return sha256[:7]


def cores_in_words(cores: Sequence[int] | None) -> str | None:
    """Such as "0-3,8", as Linux and taskset write them; None where they are not known."""
    if cores is None:
        return None
    spans: list[list[int]] = []
    for core in sorted(cores):
        if spans and core == spans[-1][-1] + 1:
            spans[-1][1:] = [core]
        else:
            spans.append([core])
    return ",".join("-".join(map(str, span)) for span in spans)


def mode_in_words(options: RuntimeOptions) -> str | None:
    """How a runtime ran, where it was not as usual: such rows are not to be taken for the others."""
    words = {
        "CUDA graph": options.cuda_graph,
        "with transfers": options.include_transfers,
        "TF32": options.use_tf32,
        "fallback allowed": options.allow_fallback,
        "channels last": options.prefer_nhwc,
        f"{options.graph_optimization} graph optimization": options.graph_optimization is not GraphOptimization.ALL,
        "threads that do not spin": not options.allow_spinning,
        "subnormals as zero": options.denormal_as_zero,
    }
    return ", ".join(word for word, asked in words.items() if asked) or None


def fed_in_short(artifact: TimedArtifact, names: Collection[str] | None = None) -> str:
    """Such as "ratio 0.25"; with a hash where the words are a file's, of whose name there may be many.

    Args:
        names: of the inputs that are told; None for all.
    """
    found = []
    for tensor in artifact.inputs:
        fed = tensor.fed
        if fed is not None and (names is None or tensor.name in names):
            more = f" +{fed.feeds - 1}" if fed.feeds > 1 else ""
            hashed = [short_hash(fed.sha256)] if fed.feeds > 1 or _is_file(fed.value) else []
            how = ", ".join((*(["given"] if fed.given else []), *hashed))
            found.append(f"{tensor.name} {fed.value}{more}" + (f" ({how})" if how else ""))
    return "; ".join(found)


def _is_file(value: str) -> bool:
    """Whether what was fed came from a file, by the words that a record has for it: a number has no letters there."""
    return PurePath(value).suffix[1:2].isalpha()
