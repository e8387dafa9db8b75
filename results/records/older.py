"""What the first records lack, found elsewhere in them."""

import msgspec


def with_threads(content: bytes) -> bytes:
    """A record of version 1, whose first writer kept the number of threads with the session alone.

    Of a round that failed before it had a session, it is the number that was asked for; None where the choice was left
    to effmod.

    Raises:
        msgspec.DecodeError: it is no JSON.
    """
    record = msgspec.json.decode(content)
    match record:
        case {"environment": {"threads": _}}:
            return content
        case {"environment": {"session": {"intra_op_num_threads": threads}} as environment}:
            environment["threads"] = threads
        case {"environment": {"session": None} as environment, "plan": {"threads": threads}}:
            environment["threads"] = threads
    return msgspec.json.encode(record)
