"""`effmod report`: stores as one page, to show and to look into."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.option import argument, but
from effmod_bench.options.output import Loudness, OutputFolder, default_store
from effmod_bench.options.selection import Select
from effmod_bench.screen.console import Console


class MakeReport(msgspec.Struct, frozen=True, kw_only=True):
    """Write one page of what stores hold: tables, plots and each network by itself, in a file that loads nothing."""

    examples: ClassVar = (
        ("effmod report STORE -o report.html", "a page to send to somebody"),
        ("effmod report before after", "two stores beside each other"),
        ("effmod report STORE --select 'efficientmod_*'", "some of its networks"),
    )

    stores: Annotated[
        list[Path] | None,
        argument(
            "[STORE]...",
            help="Folders of records, as 'effmod bench' writes them. The others are set beside the first.",
            show_default="effmod-results, or what EFFMOD_STORE names",
        ),
    ] = None
    output: Annotated[Path, but(OutputFolder, metavar="FILE", help="The page, an .html.")] = Path("report.html")
    select: Select = None
    loudness: Loudness = Loudness()

    def run(self, console: Console) -> None:
        from effmod_bench.runs.report import read_report
        from exporters import writing
        from results.report.page import page, save

        if self.output.suffix.lower() not in (".html", ".htm"):
            raise TargetError(f"cannot write a page into {self.output}: its name ends in .html, as in report.html")
        report = read_report(console, self.stores or [default_store()], select=self.select or ())
        html = page(report)
        with writing(self.output):
            size = save(html, self.output)
        console.note(f"{size / 1e6:.1f} MB; it holds no names of hosts or users, and loads nothing")
        console.print(str(self.output))
