"""`effmod list` and `effmod info`: which networks there are, and what one consists of."""

from typing import Annotated, ClassVar

import msgspec

from effmod_bench.isolation.limit import TIMEOUT_S, allow
from effmod_bench.options.export import ImageSize, one_image_size
from effmod_bench.options.option import argument, but, option
from effmod_bench.options.output import TablePrinting
from effmod_bench.options.protocol import Timeout
from effmod_bench.options.targets import Network, Table
from effmod_bench.options.words import TABLES
from effmod_bench.screen.console import Console


class ListNetworks(msgspec.Struct, frozen=True, kw_only=True):
    """List the zoo: parameters, FLOPs, published accuracy."""

    examples: ClassVar = (
        ("effmod list 'efficientmod_*'", "the networks of the paper"),
        ("effmod list --table 1 --output-format csv", "those of Table 1, for a program"),
    )

    patterns: Annotated[list[str] | None, argument("[PATTERN]...", help="Such as 'efficientmod_*'.")] = None
    family: Annotated[
        str | None,
        option(metavar="NAME", help="Only networks of this family, such as 'mobileone'.", show_default=False),
    ] = None
    table: Annotated[
        str | None,
        but(
            Table,
            help=f"Only networks of this table of the paper: {TABLES} (Appendix L).",
            rich_help_panel=None,
        ),
    ] = None
    printing: TablePrinting = TablePrinting()

    def run(self, console: Console) -> None:
        from effmod_bench.screen.zoo import list_table
        from effmod_bench.targets.names import find_networks

        specs = find_networks(self.patterns or ["*"], family=self.family, table=self.table)
        console.table(list_table(specs), self.printing.output_format)


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """Show one network stage by stage, and where it comes from."""

    examples: ClassVar = (
        ("effmod info efficientmod_xxs", "its stages, parameters and FLOPs"),
        ("effmod info timm:resnet50 --image-size 192", "one of timm's, at another size"),
        ("effmod info 'efficientmod_iso(dim=128)'", "with an argument of its function"),
    )

    network: Network
    image_size: Annotated[str | None, but(ImageSize, rich_help_panel=None)] = None
    timeout: Annotated[
        float, but(Timeout, help="Give up where building or counting it takes longer.", rich_help_panel=None)
    ] = TIMEOUT_S
    printing: TablePrinting = TablePrinting()

    def run(self, console: Console) -> None:
        from effmod_bench.screen.zoo import describe, network_info, stage_table
        from effmod_bench.targets.complexity import find_complexity
        from effmod_bench.targets.names import find_network
        from models import check_image_size
        from results.tables.write import OutputFormat

        allow(self.timeout)
        asked = one_image_size(self.image_size)
        spec = find_network(self.network, image_size=asked)
        size = asked or spec.image_size
        check_image_size(spec, size)
        complexity = find_complexity(self.network, size)
        output_format = self.printing.output_format
        if output_format is OutputFormat.JSON and not console.is_arranged:  # else it is that of the table
            console.json(network_info(spec, complexity))
            return
        if output_format is OutputFormat.TABLE:
            for line in (*describe(spec), ""):
                console.print(line)
        console.table(stage_table(complexity), output_format)
