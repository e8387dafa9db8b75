"""`effmod cluster`: a Ray cluster, whose nodes are measured on."""

from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.options.option import argument
from effmod_bench.options.output import Printing
from effmod_bench.screen.console import Console


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """List a cluster's nodes: of what kind each is, what it has, and who measures there now."""

    examples: ClassVar = (
        ("effmod cluster status", "the cluster that this machine is a node of"),
        ("effmod cluster status ray://head:10001", "another one, by its head"),
    )

    cluster: Annotated[
        str,
        argument("[CLUSTER]", help="As for --on: ray://HEAD:10001, or ray://auto.", show_default="ray://auto"),
    ] = "ray://auto"
    printing: Printing = Printing()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.nodes import show_status

        return show_status(console, self.cluster, self.printing.output_format)
