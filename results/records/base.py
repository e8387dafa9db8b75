"""What every record begins with. What was asked (`plan`) and what happened (`environment`) stand apart in each.

Older versions are read as they are: what they lack has a default here.

Version 1 had rounds alone, without `kind` and `attempt`; the first had no `threads` beside the session (`older`).
Version 2 took in fields as they came. All of its records lack `gpu_versions`; many lack `graph_optimization`,
`allow_spinning` and `prefer_nhwc` among the options, `target_options`, `relative_error` and `gpu_durations_ns`; the
first also lack `conditions`, what the GPU did, and `steady`.
"""

from typing import Annotated

import msgspec

SCHEMA_VERSION = 3

_LARGEST = 2**63 - 1
Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
"""How many there are of something. A file with less than none, or with more than a machine counts, is damaged."""
Nanoseconds = Annotated[int, msgspec.Meta(ge=1, le=_LARGEST)]
"""What an inference took: some time, always."""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every record in a store begins with; each kind of record is a subclass with a tag of its own.

    Attributes:
        id: unique; names the record's file.
        started_at: UTC, ISO 8601.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    started_at: str
