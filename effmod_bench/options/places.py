"""Where else it is measured than here."""

import shlex
from typing import Annotated

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.option import WHERE, option

CLUSTER = "ray://"

On = Annotated[
    str | None,
    option(
        "--on",
        metavar="PLACE,...",
        help="Measure elsewhere, and not here: on boards over SSH, each target on each, [NAME=]ssh://USER@HOST,...; or "
        "on a Ray cluster, ray://HEAD:10001, or ray://auto for the one that runs here. See docs/machines.md.",
        panel=WHERE,
        rare=True,
        show_default=False,
    ),
]
Nodes = Annotated[
    int | None,
    option(
        metavar="N",
        min=1,
        help="Of a cluster, how many different nodes of each kind, drawn by --seed.",
        panel=WHERE,
        rare=True,
        show_default="1",
    ),
]
Accelerator = Annotated[
    str | None,
    option(
        metavar="KIND,...",
        help="Of a cluster, nodes with these accelerators, as Ray calls them: A100,T4; or with a label, LABEL=VALUE.",
        panel=WHERE,
        rare=True,
        show_default="every kind that there is",
    ),
]
SameVersions = Annotated[
    bool,
    option(
        "--same-versions",
        help="Elsewhere, refuse machines whose Python or packages differ from each other's.",
        panel=WHERE,
        rare=True,
    ),
]


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Other machines to measure on, as the user names them.

    Attributes:
        on: boards or a cluster; None for this machine.
    """

    on: On = None
    nodes: Nodes = None
    accelerator: Accelerator = None
    same_versions: SameVersions = False

    @property
    def is_cluster(self) -> bool:
        """Whether it is one, and not boards."""
        return self.on is not None and self.on.startswith(CLUSTER)

    @property
    def again(self) -> str:
        """What a user adds to a command that goes on there; which nodes of a cluster they were, the run knows."""
        same = " --same-versions" if self.same_versions else ""
        return "" if self.on is None else f" --on {shlex.quote(self.on)}{same}"

    def check(self) -> None:
        """Refuse options that have nothing to do with where it is measured.

        Raises:
            TargetError: there is one.
        """
        asked = {"--nodes": self.nodes is not None, "--accelerator": self.accelerator is not None}
        if not self.is_cluster and (wrong := [name for name, given in asked.items() if given]):
            raise TargetError(f"{wrong[0]} is of a cluster: add --on ray://auto, or ray://HEAD:10001")
        if self.on is None and self.same_versions:
            raise TargetError("--same-versions is of several machines: add --on, or leave it out")
