"""From the path of a file or package to what evaluates it."""

from pathlib import Path

from exporters.proof.evaluator import Evaluator
from exporters.proof.onnx import OnnxEvaluator
from exporters.proof.package import PackageEvaluator


def open_evaluator(path: Path) -> Evaluator:
    """An artifact, ready to be evaluated.

    Raises:
        ArtifactError: it cannot be read, has operators that cannot be evaluated, or does not take one image.
    """
    return PackageEvaluator(path) if path.is_dir() else OnnxEvaluator(path)
