"""Words of other libraries, for messages of ours."""


def first_line(error: BaseException) -> str:
    """What an exception says in its first line; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
