"""A session: an artifact loaded into a runtime, ready to be timed."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from results import Device, RuntimeOptions, SessionFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


OPTIMIZED = "optimized.onnx"
"""The graph that a profiled session ran, in the profiler's folder."""


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifact a session is to run, where, and how.

    Attributes:
        path: of the file or package; for PyTorch, of a network's weights, which name the network.
        sha256: of the artifact, with the weights that it keeps in other files; None for that of the file alone.
        intra_op_num_threads: threads within one operator, on the CPU; 0 where the runtime chooses them itself.
        shared_threads: all sessions of the process use one pool of so many threads. Sessions that run in turn and have
            pools of their own starve each other: the threads of the one spin while the other runs.
        stop_spinning: unless they do so within a run alone, as this says. It is for sessions of which one does not spin
            at all: a shared pool always does.
        profile_folder: where the runtime's own profiler leaves what it saw, and the graph that was run; None for no
            profiler.
    """

    path: str
    sha256: str | None = None
    device: Device
    options: RuntimeOptions
    intra_op_num_threads: int
    shared_threads: bool = False
    stop_spinning: bool = False
    profile_folder: str | None = None


def taking_turns(*requests: SessionRequest) -> tuple[SessionRequest, ...]:
    """The same, as those of sessions of one process that run in turn, so that neither's threads hold the other up.

    They share one pool; but that always spins, and nobody promises that its threads take subnormal numbers for zero.
    Where either matters, or the other is of another runtime, which has a pool of its own, each has threads of its own,
    which do not spin on while the other runs.
    """
    on_cpu = all(each.device is Device.CPU for each in requests)
    options = [each.options for each in requests]
    alike = len({each.runtime for each in options}) == 1
    shared = on_cpu and alike and all(each.allow_spinning and not each.denormal_as_zero for each in options)
    return tuple(
        msgspec.structs.replace(each, shared_threads=shared, stop_spinning=on_cpu and not shared) for each in requests
    )


class Session(Protocol):
    """An artifact loaded into a runtime, its inputs and outputs bound."""

    def run(self) -> object:
        """One inference, to its end. What is timed, so it does nothing else."""
        ...

    def fed_with(self, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> Callable[[], object] | None:
        """One inference of these inputs, as a function, to compare inputs by; None where there is no such thing."""
        ...

    def evaluate(self, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> "dict[str, npt.NDArray[np.generic]]":
        """What it gives for these inputs, by name, to be compared; for what is timed nothing changes."""
        ...

    def prepare_outputs(self) -> None:
        """Told once, after the first inference: nothing need be allocated from here on, and what was asked must hold.

        Raises:
            SessionError: it does not.
        """
        ...

    def outputs(self) -> "dict[str, npt.NDArray[np.generic]]":
        """What the last inference gave, by name."""
        ...

    def time_on_gpu(self, runs: int) -> list[int] | None:
        """So many inferences more, each timed by the GPU's own events, in nanoseconds; None where there are none."""
        ...

    def parts_ns(self, runs: int) -> dict[str, tuple[int, ...]]:
        """What parts of each of the last inferences took, by name; none where nothing stands apart."""
        ...

    def facts(self) -> SessionFacts:
        """How the runtime really runs it, read back from the runtime."""
        ...


class SessionError(RuntimeError):
    """The device or the runtime cannot run the artifact as it was asked to."""


def check_outputs(session: Session) -> None:
    """Look at what the last inference gave.

    Raises:
        FloatingPointError: it holds NaN or infinity; the time of such an inference says nothing.
    """
    import numpy as np

    for name, output in session.outputs().items():
        if np.issubdtype(output.dtype, np.floating) and not np.isfinite(output).all():
            raise FloatingPointError(f"output {name!r} holds NaN or infinity")
