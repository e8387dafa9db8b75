"""Values as people read them: numbers with their decimals, names, settings, differences."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from results.records.artifact import TimedArtifact
from results.records.plan import RUNTIME_NAMES, ProfilePlan, Runtime, RuntimeOptions
from results.records.words import short_hash
from results.statistics.comparison import Comparison
from results.statistics.difference import Difference
from results.statistics.estimate import Verdict

# What tells files of one network apart, with its header.
ARTIFACT_FACTS = {"form": "form", "opset": "opset", "image_size": "px", "batch_size": "batch"}


def milliseconds(value: float) -> str:
    """Two decimals, or as many as three digits take, down to the clock's nanoseconds."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(decimals, 2), 6)}f}"


def digits(count: int) -> Callable[[float], str]:
    """Show a number with so many decimals."""
    return lambda value: f"{value:.{count}f}"


def percent(share: float) -> str:
    """A share as people write it, to three digits: "0.5 %", "12 %"."""
    return f"{100 * share:.3g} %"


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
    runtimes = [*(row.options.runtime for row in comparisons), *(row.plan.options.runtime for row in comparisons)]
    named = on_runtimes(labels(artifacts), runtimes)
    return [on_place(label, row.place) for label, row in zip(named, comparisons, strict=False)]


def on_runtimes(names: Sequence[str], runtimes: Sequence[Runtime]) -> list[str]:
    """Names with what ran each, where that is not the same for all."""
    if len(set(runtimes)) < 2:
        return list(names)
    return [f"{name} on {RUNTIME_NAMES[runtime]}" for name, runtime in zip(names, runtimes, strict=True)]


def profiled_name(name: str, plan: ProfilePlan, options: RuntimeOptions) -> str:
    """What is profiled, with what ran it where that is not the same for all of the run."""
    several = len({each.runtime for each in plan.target_options}) > 1
    return f"{name} on {RUNTIME_NAMES[options.runtime]}" if several else name


def on_place(label: str, place: str | None) -> str:
    """Such as "a.onnx on board 1"; what was measured on the machine that effmod ran on is just itself."""
    return f"{label} on {place}" if place else label


def look_alike(artifacts: Iterable[TimedArtifact]) -> set[tuple[object, ...]]:
    """What is seen of artifacts that nothing but their hash tells apart."""
    hashes: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for artifact in artifacts:
        hashes[_face(artifact)].add(artifact.sha256)
    return {face for face, found in hashes.items() if len(found) > 1}


def _face(artifact: TimedArtifact) -> tuple[object, ...]:
    return artifact.name, *(getattr(artifact, key) for key in ARTIFACT_FACTS)
