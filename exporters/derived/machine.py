"""Machine-specific files: the graph that ONNX Runtime makes of a file for the CPU it is loaded on, kept.

It holds operators of ONNX Runtime's own, and weights in blocks as wide as the CPU's vectors. Another CPU or version
could take them for something else, so such a file says what it was made on, and is used nowhere else.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
import onnx
import onnxruntime

from exporters.artifact.accuracy import Accuracy
from exporters.artifact.sidecar import Parity, TensorSpec, read_sidecar, read_sidecar_as, write_sidecar
from exporters.derived.cpu import read_cpu
from exporters.derived.sidecar import facts
from exporters.errors import ExportError, MachineMismatchError
from exporters.onnx.graph import check_graph, external_files, load_graph, read_graph
from exporters.onnx.values import silent
from models import Preprocessing
from models.zoo.words import first_line


class MachineFile(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of a file that ONNX Runtime has optimized for one kind of machine.

    Attributes:
        original: name of the portable file that it was made of.
        original_sha256: of that file, and the files beside it that hold its weights.
        runtime: whose file it is, with its version.
        cpu_features: the vector instructions of the CPU, by the names that the operating system gives them.
        network: of the original's own sidecar, with its preprocessing; None for a user's own file.
        parity: against the original.
        versions: of everything that had a hand in making it.
        accuracy: as in the sidecar of an artifact.
    """

    machine_version: int = 1
    original: str
    original_sha256: str
    runtime: str
    cpu_model: str | None
    cpu_features: tuple[str, ...]
    network: str | None
    preprocessing: Preprocessing
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    parity: Parity
    versions: dict[str, str]
    size_bytes: int
    sha256: str
    accuracy: tuple[Accuracy, ...] = ()


def optimize(path: Path, new: Path, feeds: Sequence[Mapping[str, npt.NDArray[Any]]]) -> MachineFile:
    """Write the graph that ONNX Runtime makes of a file for this CPU, weights inside, and its sidecar.

    Args:
        feeds: what the two files are compared on; for each inference, the inputs by name.

    Raises:
        ArtifactError: the file is not ONNX, is not valid, or reaches outside its folder; or the new one does not run.
        ExportError: ONNX Runtime cannot optimize it.
        ParityError: the new file computes something else.
    """
    # Here, since it imports torch, and whoever only reads such a file's sidecar need not wait for that.
    from exporters.proof.files import compare_files, judge_files, with_subnormals

    beside = external_files(read_graph(path), path)
    options = silent()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = os.fspath(new)
    try:
        # From memory: of a file, the new one would keep the references to weights beside it.
        onnxruntime.InferenceSession(onnx.load(path).SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own, which share no other base
        raise ExportError(f"ONNX Runtime cannot optimize {path}: {first_line(error)}") from error
    parity = compare_files(path, new, feeds)
    judge_files(path, new, parity)
    parity = with_subnormals(parity, new, feeds)
    graph = load_graph(new)  # not checked: an operator that it fused may be newer than the file's opset
    shared = facts(path, beside, new, graph, parity, makers=("onnx",))
    known = read_sidecar(path)
    if known is not None and known.sha256 != shared["original_sha256"]:
        known = None
    cpu_model, cpu_features = read_cpu()
    machine = MachineFile(
        **shared,
        runtime=_runtime(),
        cpu_model=cpu_model,
        cpu_features=cpu_features,
        network=known.model if known else None,
        preprocessing=known.preprocessing if known else Preprocessing(),
    )
    write_sidecar(new, machine)
    return machine


def read_machine_file(path: Path) -> MachineFile | None:
    """The sidecar beside a machine-specific file; None where there is none, or one of another kind.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    return read_sidecar_as(path, MachineFile)


def check_machine(path: Path, found: MachineFile) -> None:
    """Refuse a machine-specific file that was made elsewhere. Takes about a second, once.

    Args:
        found: its sidecar.

    Raises:
        MachineMismatchError: the runtime's version or the CPU's vector instructions differ from the sidecar's.
    """
    runtime, here, there = _runtime(), set(read_cpu()[1]), set(found.cpu_features)
    reasons = []
    if found.runtime != runtime:
        reasons.append(f"by {found.runtime}, where this is {runtime}")
    if there - here:
        reasons.append(f"for a CPU with {', '.join(sorted(there - here))}, which this one lacks")
    if here - there:
        reasons.append(f"for a CPU without {', '.join(sorted(here - there))}, which this one has")
    if reasons:
        raise MachineMismatchError(
            f"{path} runs only on the kind of machine that it was made on. It was made {', and '.join(reasons)}. "
            f"Export the portable file again ({found.original}), or run 'effmod tune' here"
        )


def check_usable(path: Path, graph: onnx.ModelProto, sha256: str) -> MachineFile | None:
    """Refuse a file that cannot be used here: one made on another kind of machine, or one that breaks ONNX's rules.

    Args:
        graph: of the file, as `load_graph` gives it.
        sha256: of the file; one that is no longer its sidecar's is a file like any other.

    Returns:
        The sidecar of a machine-specific file, to which ONNX's rules do not apply; None for any other.

    Raises:
        MachineMismatchError: as `check_machine`.
        ArtifactError: as `check_graph`, or the sidecar cannot be read.
    """
    machine = read_machine_file(path)
    if machine is None or machine.sha256 != sha256:
        check_graph(graph, path)
        return None
    check_machine(path, machine)
    return machine


def _runtime() -> str:
    return f"onnxruntime {onnxruntime.__version__}"
