"""`effmod export`: networks to files that are proved equal to them, and .onnx files rewritten."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.isolation.limit import TIMEOUT_S, allow
from effmod_bench.options.export import FileChoices, FileFormat, Purpose, read_labels, refuse_feeds
from effmod_bench.options.option import APPLE, FILE, OUTPUT, but, option
from effmod_bench.options.output import Loudness, OutputFolder
from effmod_bench.options.parse import check_output
from effmod_bench.options.protocol import Timeout
from effmod_bench.options.targets import Table, Targets
from effmod_bench.options.words import OWN, TABLES, complete_network
from effmod_bench.screen.console import Console
from exporters import Format


class ExportedFile(FileChoices, frozen=True, kw_only=True):
    """The file or package that is exported."""

    format: Annotated[Format, but(FileFormat, hidden=False, show_default=True)] = Format.ONNX
    labels: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help="Names of the classes, one a line, in their order: the package becomes a classifier.",
            panel=APPLE,
            rare=True,
            show_default=False,
        ),
    ] = None
    purpose: Annotated[
        Purpose | None,
        option(
            "--for",
            metavar="WHAT",
            help="Make the ONNX file that is fast in onnxruntime or in openvino; or with --format coreml what Apple's "
            "ModelBench app takes, modelbench: iOS 15, an image.",
            panel=FILE,
            show_default="onnxruntime",
        ),
    ] = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Export networks to files that are proved to compute what the networks compute; rewrite .onnx files."""

    examples: ClassVar = (
        ("effmod export efficientmod_xxs", "an ONNX file, and its sidecar"),
        ("effmod export --format coreml efficientmod_xxs", "a package for the iPhone"),
        ("effmod export efficientmod_xxs --for openvino", "the form that is fast in OpenVINO"),
        ("effmod export mine.py:net --checkpoint net.pth -o files", "your own network, with a file's weights"),
        ("effmod export theirs.onnx --explain", "a file rewritten, and what changed in it"),
    )
    panels: ClassVar = {FILE: "The file"}

    targets: Annotated[
        list[str] | None,
        but(
            Targets,
            autocompletion=complete_network,
            help=f"A network of 'effmod list', a pattern such as 'efficientmod_*', {OWN}, or a path to an .onnx file "
            "to rewrite.",
        ),
    ] = None
    table: Annotated[
        str | None,
        but(Table, help=f"All networks of this table of the paper: {TABLES} (Appendix L).", rich_help_panel=FILE),
    ] = None
    file: ExportedFile = ExportedFile()
    explain: Annotated[
        bool,
        option(
            "--explain",
            help="Say what each rewrite changed, and what it left alone and why; count the operators.",
            panel=OUTPUT,
        ),
    ] = False
    timeout: Timeout = TIMEOUT_S
    output: OutputFolder = Path()
    loudness: Loudness = Loudness()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.export import export_all, export_files
        from effmod_bench.targets.limits import check_image_sizes
        from effmod_bench.targets.names import find_networks, split_files
        from effmod_bench.targets.trained import check_checkpoints

        check_output(self.output)
        if not self.targets and self.table is None:
            raise TargetError("say what to export: a network of 'effmod list', or a table of the paper, --table 12")
        allow(self.timeout)
        choices = self.file.choices(batch_size=self.file.one_batch_size(), labels=read_labels(self.file.labels))
        if files := split_files(self.targets or [], self.table, self.file.input_shape or []):
            return export_files(
                console, files, choices, self.file.shapes(), self.output, given=self.file.given(), explain=self.explain
            )
        refuse_feeds(self.file.given())
        targets = self.targets or ["*"]
        failures: dict[str, Exception] = {}
        specs = find_networks(
            targets,
            image_size=choices.image_size,
            table=self.table,
            on_failure=failures.__setitem__ if len(targets) > 1 else None,
        )
        check_image_sizes(choices, specs)
        check_checkpoints(choices, specs)
        return export_all(console, specs, choices, self.output, explain=self.explain, failures=failures)
