"""What the sidecars of all files say that are made of another one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from exporters.artifact.hashes import sha256_of, size_bytes
from exporters.artifact.sidecar import Parity
from exporters.artifact.versions import versions_of_makers
from exporters.onnx.graph import opset_of, read_tensors


def facts(
    original: Path, beside: Sequence[Path], new: Path, graph: onnx.ModelProto, parity: Parity, *, makers: Sequence[str]
) -> dict[str, Any]:
    """The fields of a sidecar that hold of any such file, whatever was done.

    Args:
        beside: the files in which the original keeps its weights.
        graph: of the new file.
        parity: against the original.
        makers: the distributions that made it.
    """
    inputs, outputs = read_tensors(graph)
    return {
        "original": original.name,
        "original_sha256": sha256_of(original, *beside),
        "inputs": inputs,
        "outputs": outputs,
        "opset": opset_of(graph),
        "parity": parity,
        "versions": versions_of_makers(*makers),
        "size_bytes": size_bytes(new),
        "sha256": sha256_of(new),
    }
