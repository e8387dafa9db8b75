"""What was not the same when a figure was measured again, the likely cause first. Pure."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

import msgspec

from results.records.artifact import ArtifactSource, TimedArtifact
from results.records.environment import Machine
from results.records.plan import Runtime
from results.statistics.comparison import Comparison
from results.statistics.stability import StabilityWarning
from results.statistics.summary import Measurement

Figure = Measurement | Comparison


class Weight(StrEnum):
    """What may be said of a figure where a condition differs."""

    HARDWARE = "hardware"
    """It is another machine: another figure is no wonder."""
    SETTING = "setting"
    """The same machine, but something that is known to change times: another figure is explained."""
    PERHAPS = "perhaps"
    """It may have changed the time, and seldom does much: nothing can be concluded from another figure."""
    SEEN = "seen"
    """It is said, and changes nothing."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not the same.

    Attributes:
        name: such as "processor".
        theirs, ours: in words.
    """

    name: str
    theirs: str
    ours: str
    weight: Weight

    def __str__(self) -> str:
        return f"{self.name}: {self.theirs} there, {self.ours} here"


_QUOTA = "a container's limit, in cores"
_BY_STATE = (
    StabilityWarning.THROTTLED,
    StabilityWarning.BATTERY,
    StabilityWarning.MEMORY_PRESSURE,
    StabilityWarning.OTHER_LOAD,
)
"""Warnings of what the machine did meanwhile; where one side alone has one, it may be why the figures differ.

Those of too few cores, or of a container's limit, follow from conditions that are said by themselves.
"""
_RUNTIME_PACKAGES = {
    Runtime.ONNXRUNTIME: ("onnxruntime", "onnxruntime-gpu"),
    Runtime.TENSORRT: ("onnxruntime", "onnxruntime-gpu"),
    Runtime.PYTORCH: ("torch",),
    Runtime.TORCH_COMPILE: ("torch",),
    Runtime.OPENVINO: ("openvino",),
    Runtime.COREML: ("coremltools",),
}
_OF_FILES = ("torch", "torchvision", "timm", "coremltools", "onnxruntime", "onnxruntime-gpu", "numpy", "effmod-bench")
"""Packages among a machine's versions that have a hand in making and proving a file, beside `maker_versions`."""


FILES = ("file", "baseline's file")
"""What a condition is called that says of another file: of what the figure is of, and of what that was timed beside."""


def conditions(theirs: Figure, ours: Figure) -> tuple[Condition, ...]:
    """What was not the same, the likely cause first."""
    found = [*_of_file(theirs, ours), *_of_hardware(theirs, ours), *_of_settings(theirs, ours)]
    return tuple(dict.fromkeys((*found, *_of_software(theirs, ours))))


def artifact_of(figure: Figure) -> TimedArtifact:
    """What the figure is of."""
    return figure.candidate if isinstance(figure, Comparison) else figure.artifact


def artifacts_of(figure: Figure) -> tuple[TimedArtifact, ...]:
    """What the figure is of, and where that was timed in turn, with what."""
    return (figure.candidate, figure.baseline) if isinstance(figure, Comparison) else (figure.artifact,)


def other_file(theirs: Figure, ours: Figure) -> bool:
    """Whether anything that was timed is another file, for whatever reason."""
    return [each.sha256 for each in artifacts_of(theirs)] != [each.sha256 for each in artifacts_of(ours)]


def other_makers(theirs: Machine, ours: Machine) -> list[Condition]:
    """What had a hand in making files, and is another version now."""
    return [
        *_versions(theirs.maker_versions, ours.maker_versions, Weight.SEEN),
        *(each for each in _versions(theirs.versions, ours.versions, Weight.SEEN) if each.name in _OF_FILES),
    ]


def runtimes_of(figure: Figure) -> tuple[Runtime, ...]:
    """What ran it; of what was timed in turn the candidate's comes first."""
    beside = (figure.plan.options.runtime,) if isinstance(figure, Comparison) else ()
    return tuple(dict.fromkeys((figure.options.runtime, *beside)))


def _runtime_packages(figure: Figure) -> tuple[str, ...]:
    return tuple(package for runtime in runtimes_of(figure) for package in _RUNTIME_PACKAGES[runtime])


def _of_file(theirs: Figure, ours: Figure) -> Iterator[Condition]:
    """Another file, with what is known of why; and what it was fed. Of what was timed in turn each of the two."""
    sides = list(zip(artifacts_of(theirs), artifacts_of(ours), strict=True))
    if sides[0] == sides[-1]:  # by two runtimes one file is both
        sides = sides[:1]
    words = zip(FILES, ("file's", "baseline's"), ("input", "baseline's input"), strict=True)
    for (mine, own), (file, of, fed) in zip(sides, words, strict=False):
        if mine.sha256 != own.sha256:
            weight = _weight_of_file(mine, own, theirs.machine, ours.machine)
            yield _condition(file, mine.sha256[:12], own.sha256[:12], weight)
            for name in ("form", "opset", "specification_version", "weights", "params", "macs", "size_bytes"):
                then, now = getattr(mine, name), getattr(own, name)
                if then != now:
                    yield _condition(f"{of} {name}", then, now, Weight.SEEN)
            yield from other_makers(theirs.machine, ours.machine)
        inputs = [[(x.name, x.shape, x.fed and x.fed.sha256) for x in each.inputs] for each in (mine, own)]
        if inputs[0] != inputs[1]:
            yield _condition(fed, _inputs_in_words(mine), _inputs_in_words(own), Weight.PERHAPS)


def _weight_of_file(mine: TimedArtifact, own: TimedArtifact, theirs: Machine, ours: Machine) -> Weight:
    """Whether another file is explained: by other versions of what makes it, or by weights, which seldom cost time."""
    if ArtifactSource.FILE in (mine.source, own.source):
        return Weight.SEEN  # it is somebody's own, which no version makes another
    if mine.weights != own.weights:
        return Weight.PERHAPS
    if other_makers(theirs, ours):
        return Weight.SETTING
    return Weight.SEEN if theirs.maker_versions else Weight.PERHAPS  # what made it may not be recorded


def _of_hardware(theirs: Figure, ours: Figure) -> Iterator[Condition]:
    if theirs.threads != ours.threads:
        yield _condition("threads", theirs.threads, ours.threads, Weight.SETTING)
    yield from _facts(
        (
            ("processor", lambda m: m.cpu_model, Weight.HARDWARE),
            ("architecture", lambda m: m.architecture, Weight.HARDWARE),
            ("physical cores", lambda m: m.physical_cores, Weight.HARDWARE),
            ("logical cores", lambda m: m.logical_cores, Weight.HARDWARE),
            ("system", lambda m: m.os.partition(" ")[0], Weight.HARDWARE),
        ),
        theirs.machine,
        ours.machine,
    )
    if theirs.gpu != ours.gpu:
        yield _condition("GPU", theirs.gpu, ours.gpu, Weight.HARDWARE)


def _of_settings(theirs: Figure, ours: Figure) -> Iterator[Condition]:
    packages = _runtime_packages(theirs)
    for each in _versions(theirs.machine.versions, ours.machine.versions, Weight.SETTING):
        if each.name in packages:
            yield each
    if isinstance(theirs, Measurement) and isinstance(ours, Measurement) and theirs.gpu_driver != ours.gpu_driver:
        yield _condition("GPU's driver", theirs.gpu_driver, ours.gpu_driver, Weight.SETTING)
    if theirs.gpu is not None:
        yield from _versions(theirs.machine.gpu_versions, ours.machine.gpu_versions, Weight.SETTING)
    # Cores beyond the threads are of no use to them.
    cores = [min(m.available_cores, m.cpu_quota or m.available_cores) for m in (theirs.machine, ours.machine)]
    lacking = Weight.SETTING if theirs.threads is None or min(cores) < theirs.threads else Weight.PERHAPS
    yield from _facts(
        (
            ("cores that it may use", lambda m: m.available_cores, lacking),
            (_QUOTA, lambda m: m.cpu_quota, lacking),
            ("governor", lambda m: m.governor, Weight.SETTING),
            ("two threads a core", lambda m: m.smt, Weight.SETTING),
        ),
        theirs.machine,
        ours.machine,
    )
    for warning in _BY_STATE:
        sides = [warning in each.warnings for each in (theirs, ours)]
        if sides[0] != sides[1]:
            then, now = (str(warning) if side else "none" for side in sides)
            yield _condition("state of the machine", then, now, Weight.PERHAPS)
    if theirs.machine.affinity != ours.machine.affinity and (
        theirs.machine.available_cores == ours.machine.available_cores
    ):
        which = [",".join(map(str, m.affinity or ())) or None for m in (theirs.machine, ours.machine)]
        yield _condition("which cores", which[0], which[1], Weight.PERHAPS)


def _of_software(theirs: Figure, ours: Figure) -> Iterator[Condition]:
    """Versions that seldom change a time, and those that have a hand in files alone."""
    yield from _facts((("system", lambda m: m.os, Weight.PERHAPS),), theirs.machine, ours.machine)
    packages = _runtime_packages(theirs)
    same_file = not other_file(theirs, ours)
    for each in _versions(theirs.machine.versions, ours.machine.versions, Weight.PERHAPS):
        if each.name not in packages:
            of_files = same_file and each.name in ("torchvision", "timm", "torch", "coremltools", "openvino")
            yield msgspec.structs.replace(each, weight=Weight.SEEN) if of_files else each
    yield from _facts((("effmod's commit", lambda m: m.effmod_commit, Weight.SEEN),), theirs.machine, ours.machine)
    yield from _facts((("memory", lambda m: m.memory_bytes, Weight.SEEN),), theirs.machine, ours.machine)
    then, now = _runs_in_words(theirs), _runs_in_words(ours)
    if then != now:
        yield _condition("runs", then, now, Weight.SEEN)


def _facts(
    facts: Sequence[tuple[str, Callable[[Machine], object], Weight]], theirs: Machine, ours: Machine
) -> Iterator[Condition]:
    for name, get, weight in facts:
        then, now = get(theirs), get(ours)
        if then != now:
            # What a side does not say explains nothing; a container's limit that is not there is none.
            unknown = None in (then, now) and name != _QUOTA and weight is not Weight.SEEN
            yield _condition(name, then, now, Weight.PERHAPS if unknown else weight)


def _versions(theirs: dict[str, str], ours: dict[str, str], weight: Weight) -> Iterator[Condition]:
    """Where both sides say what they have, or one has what the other lacks; nothing where a side says nothing."""
    if theirs and ours:
        for name in dict.fromkeys((*theirs, *ours)):
            if theirs.get(name) != ours.get(name):
                yield _condition(name, theirs.get(name), ours.get(name), weight)


def _condition(name: str, theirs: object, ours: object, weight: Weight) -> Condition:
    unknown = "none" if name == _QUOTA else "unknown"
    return Condition(name=name, theirs=_in_words(theirs, unknown), ours=_in_words(ours, unknown), weight=weight)


def _in_words(value: object, unknown: str) -> str:
    match value:
        case None:
            return unknown
        case bool():
            return "yes" if value else "no"
    return str(value)


def _inputs_in_words(artifact: TimedArtifact) -> str:
    return "; ".join(
        f"{x.name} {'x'.join(map(str, x.shape))}" + (f" {x.fed.value} ({x.fed.sha256[:7]})" if x.fed else "")
        for x in artifact.inputs
    )


def _runs_in_words(figure: Figure) -> str:
    if isinstance(figure, Comparison):
        return f"{figure.runs} of each in {figure.processes} processes"
    return f"{figure.latency.runs} in {figure.latency.rounds} processes" if figure.latency else "none"
