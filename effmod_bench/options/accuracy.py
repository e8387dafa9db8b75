"""The option of an accuracy that a person states."""

from collections.abc import Sequence
from typing import Annotated

from effmod_bench.errors import TargetError
from effmod_bench.options.option import OUTPUT, option

Top1 = Annotated[
    list[str] | None,
    option(
        "--top1",
        metavar="TARGET=PERCENT",
        help="An accuracy of your own to show beside a target's latency, as in mine.py:net=77.3. Once for each; one "
        "that 'effmod verify --data' measured comes by itself.",
        panel=OUTPUT,
        rare=True,
        show_default=False,
    ),
]


def parse_top1(texts: Sequence[str] | None) -> dict[str, float]:
    """`mine.py:net=77.3` as a name and a top-1 in percent.

    Raises:
        TargetError: it is not that, or a name stands there twice.
    """
    found: dict[str, float] = {}
    for text in texts or ():
        name, equals, percent = text.rpartition("=")  # arguments of a network have one, too
        try:
            top1 = float(percent.strip().removesuffix("%"))
        except ValueError:
            top1 = -1
        if not equals or not name or not 0 <= top1 <= 100:
            raise TargetError(f"--top1 {text!r} is no target with its top-1 in percent; write it as mine.py:net=77.3")
        if name in found:
            raise TargetError(f"--top1 is given twice for {name}; leave one out")
        found[name] = top1
    return found
