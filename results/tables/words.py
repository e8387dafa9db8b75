"""Values as people read them: numbers with their decimals, names, settings, differences."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from results.records.artifact import TimedArtifact
from results.records.plan import GraphOptimization, RuntimeOptions
from results.statistics.comparison import Comparison
from results.statistics.difference import Difference
from results.statistics.estimate import Verdict

# What tells files of one network apart, with its header.
ARTIFACT_FACTS = {"form": "form", "opset": "opset", "image_size": "px", "batch_size": "batch"}


def milliseconds(value: float) -> str:
    """Two decimals, or as many as three digits take, down to the clock's nanoseconds."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(decimals, 2), 6)}f}"


def short_hash(sha256: str) -> str:
    """As much of a hash as tells files apart."""
    return sha256[:7]


def digits(count: int) -> Callable[[float], str]:
    """Show a number with so many decimals."""
    return lambda value: f"{value:.{count}f}"


def percent(share: float) -> str:
    """A share as people write it, to three digits: "0.5 %", "12 %"."""
    return f"{100 * share:.3g} %"


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


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Such as "2 rounds"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def time_in_words(times_s: Sequence[float]) -> str:
    """As people say it: "34 s", "5 min", "2.5 h"; of several, from the shortest to the longest: "6 to 33 min"."""
    shortest, longest = (_time_in_words(seconds) for seconds in (min(times_s), max(times_s)))
    if shortest == longest:
        return longest
    (number, unit), (_, longest_unit) = shortest.split(), longest.split()
    return f"{number if unit == longest_unit else shortest} to {longest}"


def span_in_words(times_s: Sequence[float], what: str, earlier_runs: int, *, of: str = "") -> str:
    """What an interval speaks for, such as "the 34 s in which they ran"; and the earlier runs that it learnt from.

    Args:
        what: that was measured over so long.
        of: whose the earlier runs are.
    """
    told = f", and for what differs from run to run, as {counted(earlier_runs, 'earlier run')}{of} told"
    return f"the {time_in_words(times_s)} in which {what} ran" + (told if earlier_runs else "")


def _time_in_words(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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


def difference_in_words(comparison: Comparison | Difference) -> str | None:
    """Such as "1.9 % faster": the candidate takes 1.9 % less time. None where no ratio was found."""
    if comparison.estimate is None:
        return None
    if comparison.verdict is Verdict.NOT_DISTINGUISHABLE:
        return str(comparison.verdict)
    return f"{100 * abs(comparison.estimate.ratio - 1):.1f} % {comparison.verdict}"


def labels(artifacts: Sequence[TimedArtifact]) -> list[str]:
    """Their names, with a short hash where several files look alike."""
    alike = look_alike(artifacts)
    return [f"{a.name} ({short_hash(a.sha256)})" if _face(a) in alike else a.name for a in artifacts]


def candidate_labels(comparisons: Sequence[Comparison]) -> list[str]:
    """The names of what was compared, told from each other and from what it was compared with."""
    artifacts = [*(row.candidate for row in comparisons), *(row.baseline for row in comparisons)]
    return labels(artifacts)[: len(comparisons)]


def look_alike(artifacts: Iterable[TimedArtifact]) -> set[tuple[object, ...]]:
    """What is seen of artifacts that nothing but their hash tells apart."""
    hashes: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for artifact in artifacts:
        hashes[_face(artifact)].add(artifact.sha256)
    return {face for face, found in hashes.items() if len(found) > 1}


def _face(artifact: TimedArtifact) -> tuple[object, ...]:
    return artifact.name, *(getattr(artifact, key) for key in ARTIFACT_FACTS)
