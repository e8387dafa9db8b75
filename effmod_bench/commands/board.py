"""`effmod board`: other machines that are measured on, over SSH."""

from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.options.option import argument
from effmod_bench.screen.console import Console


class BoardSetup(msgspec.Struct, frozen=True, kw_only=True):
    """Bring boards what measuring needs, ahead of it, and say what each of them is."""

    examples: ClassVar = (
        ("effmod board setup ssh://pi@raspberrypi", "before 'effmod bench --on ssh://pi@raspberrypi'"),
        ("effmod board setup pi5=ssh://pi@10.0.0.5,orange=ssh://10.0.0.6", "two boards, named"),
    )

    boards: Annotated[
        str, argument("BOARD,...", help="As for --on: [NAME=]ssh://[USER@]HOST[:PORT], several with commas.")
    ]

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.boards import set_up

        return set_up(console, self.boards)
