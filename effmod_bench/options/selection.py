"""Which of a store's networks are meant."""

from typing import Annotated

from effmod_bench.options.option import WHAT, option

Select = Annotated[
    list[str] | None,
    option(
        "--select",
        metavar="PATTERN",
        help="Only networks and files of this name, or whose name matches this pattern, such as 'efficientmod_*'. Once "
        "for each.",
        panel=WHAT,
        show_default=False,
    ),
]
