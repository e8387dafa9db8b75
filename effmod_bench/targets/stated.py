"""What a person states of a target's accuracy, or the row of its plug-in does."""

from collections.abc import Iterable, Mapping

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.accuracies import stated
from effmod_bench.targets.target import FileTarget, NetworkTarget, Target
from exporters import public_name
from results.records.artifact import EQUAL_FORMS


def check_stated(top1: Mapping[str, float], targets: Iterable[Target]) -> None:
    """Refuse an accuracy of what is no target.

    Raises:
        TargetError: one is.
    """
    names = dict.fromkeys(name for target in targets for name in _names(target))
    for name in top1:
        if name not in names:
            raise TargetError(f"--top1 {name}: that is none of the targets; they are {', '.join(names)}")


def is_stated(target: Target, top1: Mapping[str, float]) -> bool:
    """Whether the user states a target's accuracy."""
    return any(name in top1 for name in _names(target))


def with_stated(subject: Subject, target: Target, top1: Mapping[str, float]) -> Subject:
    """A subject with what the user states of its accuracy; else with what the row of its plug-in does.

    The latter is of the weights that the plug-in's authors have: another checkpoint's are not those.
    """
    said = next((top1[name] for name in _names(target) if name in top1), None)
    if said is None and isinstance(target, NetworkTarget) and target.choices.checkpoint is None:
        spec, artifact = target.spec, subject.artifact
        if artifact.form in EQUAL_FORMS and artifact.image_size == spec.image_size:
            said = spec.top1
    if said is None:
        return subject
    return msgspec.structs.replace(subject, accuracies=(*subject.accuracies, stated(subject.artifact, said)))


def _names(target: Target) -> list[str]:
    """How a user may name a target, and how it is shown."""
    names = [target.name, public_name(target.name)]
    return [str(target.path), *names, target.read.artifact.name] if isinstance(target, FileTarget) else names
