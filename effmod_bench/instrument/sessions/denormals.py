"""Whether ONNX Runtime takes subnormal numbers for zero: asked for, and tried.

For the thread that calls it the first session of a process decides, whatever a later one asks for; for the threads of a
session's own pool, that session. So what was asked is tried where it matters, in the thread that is timed.
"""

import numpy as np
import onnxruntime

from effmod_bench.instrument.sessions.session import SessionError

_CONFIG = "session.set_denormal_as_zero"

# onnx takes long to import. This is what it writes of Mul(a, b) = c, three float32 scalars, opset 13.
PRODUCT = (
    b'\x08\x08::\n\x0e\n\x01a\n\x01b\x12\x01c"\x03Mul\x12\x01gZ\x0b\n\x01a\x12\x06\n\x04\x08\x01\x12\x00'
    b"Z\x0b\n\x01b\x12\x06\n\x04\x08\x01\x12\x00b\x0b\n\x01c\x12\x06\n\x04\x08\x01\x12\x00B\x04\n\x00\x10\r"
)


def ask(options: onnxruntime.SessionOptions, *, denormal_as_zero: bool) -> None:
    """Tell a session what to take subnormal numbers for. Each says it, since the first one decides."""
    options.add_session_config_entry(_CONFIG, str(int(denormal_as_zero)))


def check(options: onnxruntime.SessionOptions, *, asked: bool) -> bool:
    """Whether subnormal numbers are zero in this thread and a session with these options, which is as asked.

    Raises:
        SessionError: it is not.
    """
    found = are_zero(options)
    if asked and not found:
        raise SessionError(
            "--denormal-as-zero did not take: 1e-30 times 1e-10 is 1e-40 in this process. ONNX Runtime has it for x86 "
            "alone, and the first session of a process decides; leave it out"
        )
    if found and not asked:
        raise SessionError(
            "1e-30 times 1e-10 is 0 in this process: a library that it loads lets the processor take subnormal numbers "
            "for zero, which nobody asked for; find it, and leave it out"
        )
    return found


def are_zero(options: onnxruntime.SessionOptions) -> bool:
    """Whether 1e-30 times 1e-10 is zero, not 1e-40, in this thread and a session with these options."""
    session = onnxruntime.InferenceSession(PRODUCT, options, providers=["CPUExecutionProvider"])
    (product,) = session.run(None, {"a": np.array(1e-30, np.float32), "b": np.array(1e-10, np.float32)})
    return bool(product == 0)
