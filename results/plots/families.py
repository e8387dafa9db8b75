"""Which networks belong together, and which are to be seen first: by their names."""

import re

from results.records.artifact import ArtifactSource, TimedArtifact

# The last part of a name that says how large the network is of its family: xxs, s, tiny, b0, 508m, 150.
_SIZE = re.compile(r"(?P<family>.+)_(?P<size>x{0,3}[sl]|m|tiny|small|base|large|[abcltsx]\d+|\d{2,}m?|\d+m)$")
_EFFICIENTMOD = "efficientmod"


def family_of(name: str) -> str:
    """Networks of one family differ in their size alone: "efficientmod" of "efficientmod_xxs". Else the name itself."""
    found = _SIZE.match(name)
    return found["family"] if found else name


def size_of(name: str) -> str:
    """What is left of the name: "xxs". The name itself where it tells no family."""
    found = _SIZE.match(name)
    return found["size"] if found else name


def is_own(name: str, artifact: TimedArtifact | None) -> bool:
    """Whether a network is the user's own: a file, a function, or one of timm's that is not in the zoo."""
    is_file = artifact is not None and artifact.source is ArtifactSource.FILE
    return is_file or name.startswith("timm:") or ".py:" in name


def is_efficientmod(name: str) -> bool:
    return name.startswith(_EFFICIENTMOD)
