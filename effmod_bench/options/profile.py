"""Options of what a profile is shown by."""

from enum import StrEnum
from typing import Annotated

from effmod_bench.errors import TargetError
from effmod_bench.options.option import OUTPUT, option


class By(StrEnum):
    """What the operators of a profile are taken together by."""

    MODULE = "module"
    OPERATOR = "operator"
    KIND = "kind"


ByOption = Annotated[
    By | None,
    option(
        "--by",
        metavar="WHAT",
        help=f"What operators are taken together by: {', '.join(By)}.",
        panel=OUTPUT,
        show_default="module, or operator for a file that names none",
    ),
]
Depth = Annotated[
    int,
    option(
        metavar="N",
        min=0,
        help="How deep modules are shown: 1 for stages, 2 for blocks in them, 3 for their parts.",
        panel=OUTPUT,
    ),
]


def check_depth(by: By | None) -> None:
    """Refuse a depth where no modules are shown; None is modules, where the file names any.

    Raises:
        TargetError: operators are taken together by something else.
    """
    if by not in (None, By.MODULE):
        raise TargetError(f"--depth is of modules, and --by {by} shows none; leave one of the two out")
