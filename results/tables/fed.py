"""What artifacts were fed, in words."""

from collections.abc import Iterable, Iterator

from results.records.artifact import InputTensor, TimedArtifact


def fed_in_words(artifact: TimedArtifact) -> str | None:
    """What each input was fed, with its hash; None where a record does not say."""
    found = [_in_words(tensor, hashed=True) for tensor in artifact.inputs if tensor.fed is not None]
    return "; ".join(found) or None


def fed_notes(artifacts: Iterable[TimedArtifact]) -> Iterator[str]:
    """What stands under a table of what was fed other things than the images of a network."""
    told = dict.fromkeys(
        f"{artifact.name}: {'; '.join(map(_in_words, artifact.inputs))}"
        for artifact in artifacts
        if any(tensor.fed is not None and _is_telling(tensor) for tensor in artifact.inputs)
    )
    if told:
        yield f"Fed to {'. '.join(told)}. By rule where nobody says; --feed NAME=VALUE says otherwise."


def _is_telling(tensor: InputTensor) -> bool:
    return tensor.fed is not None and (tensor.fed.given or tensor.fed.value != "image")


def _in_words(tensor: InputTensor, *, hashed: bool = False) -> str:
    fed = tensor.fed
    if fed is None:
        return tensor.name
    turns = f" and {fed.feeds - 1} more in turn" if fed.feeds > 1 else ""
    how = ", ".join((*(["given"] if fed.given else []), *([f"sha256 {fed.sha256[:12]}"] if hashed else [])))
    return f"{tensor.name} {fed.value}{turns}" + (f" ({how})" if how else "")
