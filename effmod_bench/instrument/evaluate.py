"""What a runtime gives for some inputs, untimed: whether it can run an artifact, and runs it right."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from effmod_bench.instrument.sessions.registry import open_session
from effmod_bench.instrument.sessions.session import SessionError, SessionRequest
from effmod_bench.instrument.subject import Subject
from effmod_bench.packages import explain
from results import RUNTIME_NAMES, Device, RuntimeOptions

if TYPE_CHECKING:
    import numpy.typing as npt

    Feeds = Sequence[Mapping[str, npt.NDArray[Any]]]

_PLACES = ("Exception from src/", "Check '")


def evaluate(subject: Subject, options: RuntimeOptions, feeds: "Feeds" = ()) -> "list[list[npt.NDArray[Any]]]":
    """Run an artifact on the CPU, on one thread.

    Args:
        options: of the runtime; what else they ask for is none of the arithmetic's.
        feeds: for each inference, the inputs by name; none for what is fed where it is timed.

    Returns:
        For each output, in the file's order, what each inference gave.

    Raises:
        SessionError: the runtime cannot load or run it; the message says why.
    """
    from effmod_bench.instrument.process.inputs import make_inputs  # imports numpy

    artifact, prepared = subject.artifact, subject.preprocessing
    request = SessionRequest(
        path=subject.address,
        sha256=artifact.sha256,
        device=Device.CPU,
        options=RuntimeOptions(runtime=options.runtime),
        intra_op_num_threads=1,
    )
    try:
        feeds = feeds or make_inputs(artifact.inputs, subject.feeds, prepared.mean, prepared.std)[:1]
        session = open_session(request, feeds[0])
        runs = [session.evaluate(feed).values() for feed in feeds]
    except Exception as error:  # whatever a file makes the runtime raise
        reason = explain(error) or f"{type(error).__name__}: {_said(error)}"
        raise SessionError(f"{RUNTIME_NAMES[options.runtime]} cannot run {subject.path.name}: {reason}") from None
    return [list(output) for output in zip(*runs, strict=True)]


def _said(error: Exception) -> str:
    """The first line of what an error says; of OpenVINO's all but where in its own sources it met it."""
    lines = str(error).strip().splitlines()
    telling = [line for line in lines if not line.startswith(_PLACES)]
    return " ".join(telling if len(telling) < len(lines) else lines[:1])
