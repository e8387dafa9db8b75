"""From the path of a file or package to what evaluates it."""

from pathlib import Path

from exporters.artifact.evaluator import Evaluator
from exporters.formats import format_of


def open_evaluator(path: Path) -> Evaluator:
    """An artifact, ready to be evaluated.

    Raises:
        ArtifactError: it cannot be read, has operators that cannot be evaluated, or does not take one image.
    """
    return format_of(path).open_evaluator(path)
