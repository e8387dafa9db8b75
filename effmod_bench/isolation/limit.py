"""How long one step of what a command has done apart may take."""

# The slowest, a large network's conversion for Core ML, takes minutes on a slow machine.
TIMEOUT_S = 1800.0


class _Limit:
    seconds = TIMEOUT_S
    advice = ""


def allow(seconds: float) -> None:
    """Let no step from now on take longer than the user's --timeout."""
    _Limit.seconds, _Limit.advice = seconds, "; --timeout gives each step more"


def limit_s() -> float:
    """Seconds for each step."""
    return _Limit.seconds


def advice() -> str:
    """How a step gets more time, where the command has an option for it."""
    return _Limit.advice
