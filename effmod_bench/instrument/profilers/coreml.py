"""Core ML's compute plan on a Mac: which processor each operator would run on, and an estimated share of the work.

Nothing is run for it, and nothing is timed: the shares are Core ML's own estimate. It was tested with Core ML's
compiled part imitated; it has not run on a Mac yet.
"""

from effmod_bench.instrument.process.messages import Profiled, Seen
from effmod_bench.instrument.profilers.profiler import ProfileError
from effmod_bench.instrument.sessions.coreml import CoreMLSession, PlannedOperator
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Joined


def read_plan(request: SessionRequest) -> Profiled:
    """The plan of a package, for the compute units asked for.

    Raises:
        ProfileError: Core ML tells none, or nothing of its cost.
        Exception: whatever coremltools raises for a package that it cannot read.
    """
    session = CoreMLSession(request, {})
    planned = session.plan
    if planned is None:
        raise ProfileError("Core ML tells no plan of it: that is for macOS 14.4 or later, and for ML programs")
    if not any(operator.weight for operator in planned):
        raise ProfileError("Core ML's plan estimates the cost of no operator")
    return Profiled(
        session=session.facts(),
        operators=tuple(map(_seen, planned)),
        run_us=(),
        with_ns=(),
        without_ns=(),
    )


def _seen(operator: PlannedOperator) -> Seen:
    return Seen(
        name=operator.gives[0] if operator.gives else operator.kind,
        kind=operator.kind,
        provider=operator.processor or "",
        input_shapes=(),
        output_shapes=(),
        input_bytes=0,
        output_bytes=0,
        durations_us=(),
        origins=operator.gives,
        around=operator.reads,
        joined=Joined.VALUE,
        weight=operator.weight or 0.0,
    )
