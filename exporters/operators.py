"""What an artifact is made of."""

from collections import Counter
from pathlib import Path

from exporters.formats import format_of


def count_operators(path: Path) -> Counter[str]:
    """How many operators of each kind an ONNX file or a Core ML package has. Constants are not counted.

    Raises:
        ArtifactError: it cannot be read.
    """
    return format_of(path).count_operators(path)
