"""Tables: which columns there are, and how one is written for a program, a paper or a page.

Drawing on the screen is the command's affair (`effmod_bench.console`).
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from results.comparison import Comparison, Estimate, Verdict
from results.difference import Difference
from results.published import PAPER_CPU, PAPER_RUNS, published
from results.record import GraphOptimization, HandEntry, Runtime, RuntimeOptions, TimedArtifact
from results.reproduction import Agreement, PaperLatency, Reproduced, agreements, reproduce
from results.summary import EQUAL_FORMS, Measurement
from results.tuning import Trial

Row = TypeVar("Row")
Cell = str | int | float | None


class OutputFormat(StrEnum):
    """How a command prints its table."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


class Shown(StrEnum):
    """The tables that a store can hold."""

    MEASUREMENTS = "measurements"
    COMPARISONS = "comparisons"
    BY_HAND = "by-hand"


class Column(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One column of a table over rows of one type.

    Attributes:
        key: its name for programs (CSV, DataFrame).
        header: its name for people, with the unit.
        get: the raw value of a row; None leaves the cell empty.
        show: the value as people read it.
        detail: left out where there is room for the main figures only.
        published: holds a figure of the paper's, never ours.
        spare: where a screen is too narrow, the column with the highest goes first; 0 stays. No figure is ever cut:
            where those that stay do not fit, each row's columns stand one below the other.
    """

    key: str
    header: str
    get: Callable[[Any], Cell]
    show: Callable[[Any], str] = str
    detail: bool = False
    published: bool = False
    spare: int = 0

    @property
    def label(self) -> str:
        """The header in one line."""
        return self.header.replace("-\n", "").replace("\n", " ").strip()

    def text(self, row: Row) -> str:
        value = self.get(row)
        return "" if value is None else self.show(value)


class Table(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """Rows with their columns, and the notes that stand under them."""

    rows: tuple[Row, ...]
    columns: tuple[Column[Row], ...]
    notes: tuple[str, ...] = ()
    title: str | None = None

    def main_columns(self) -> list[Column[Row]]:
        """The columns for people: no details, and none that is empty in every row."""
        return _main_columns(self.columns, self.rows)


def _main_columns(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> list[Column[Row]]:
    return [c for c in columns if not c.detail and any(c.get(row) is not None for row in rows)]


def milliseconds(value: float) -> str:
    """Two decimals, or as many as three digits take, down to the clock's nanoseconds."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(decimals, 2), 6)}f}"


def short_hash(sha256: str) -> str:
    """As much of a hash as tells files apart."""
    return sha256[:7]


def digits(count: int) -> Callable[[float], str]:
    """Show a number with so many decimals."""
    return lambda value: f"{value:.{count}f}"


def render(table: Table[Row], output_format: OutputFormat) -> str:
    """A table as text for a file or another program.

    JSON is a list of the rows' own types, whole. CSV has every column, raw. Markdown and LaTeX have what the
    screen has, with the notes below.

    Raises:
        ValueError: for `OutputFormat.TABLE`, which only a screen can show.
    """
    match output_format:
        case OutputFormat.JSON:
            return msgspec.json.format(msgspec.json.encode(table.rows), indent=2).decode() + "\n"
        case OutputFormat.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([column.key for column in table.columns])
            writer.writerows([[column.get(row) for column in table.columns] for row in table.rows])
            return text.getvalue()
        case OutputFormat.MARKDOWN:
            return _caption(table, "{}\n\n") + _tabulate(table, "pipe") + "".join(f"\n{note}\n" for note in table.notes)
        case OutputFormat.LATEX:
            return (
                _caption(table, "% {}\n")
                + _tabulate(table, "latex_booktabs")
                + "".join(f"% {n}\n" for n in table.notes)
            )
        case OutputFormat.TABLE:
            raise ValueError("a table for the screen is drawn by the console")


def _caption(table: Table[Row], form: str) -> str:
    return form.format(table.title) if table.title else ""


def _tabulate(table: Table[Row], style: str) -> str:
    from tabulate import tabulate

    columns = table.main_columns()
    cells = [[column.text(row) for column in columns] for row in table.rows]
    align = ["right" if is_number(column, table.rows) else "left" for column in columns]
    headers = [column.label for column in columns]
    return tabulate(cells, headers, tablefmt=style, disable_numparse=True, colalign=align if cells else None) + "\n"


def is_number(column: Column[Row], rows: Sequence[Row]) -> bool:
    """Whether a column is set flush right."""
    return all(isinstance(column.get(row), int | float | None) for row in rows)


def _ms(name: str, header: str, *, detail: bool = False, spare: int = 0) -> Column[Measurement]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.latency, name) if row.latency else None,
        show=milliseconds,
        detail=detail,
        spare=spare,
    )


def _percent(name: str, header: str, *, spare: int) -> Column[Measurement]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.latency, name) if row.latency else None,
        show=lambda v: f"{v:.0%}",
        spare=spare,
    )


def _interval(key: str, header: str, end: int) -> Column[Measurement]:
    def get(row: Measurement) -> float | None:
        interval = row.latency and row.latency.process_p50_interval_ms
        return interval[end] if interval else None

    return Column(key=key, header=header, get=get, show=milliseconds)


def _anchored(name: str, header: str) -> Column[Measurement]:
    """A figure of the ratio to the anchor; the anchor's own ratio is 1, and has no interval."""

    def get(row: Measurement) -> float | None:
        if row.anchored is None or row.anchored.estimate is None:
            return 1.0 if name == "ratio" and row.anchored and row.anchored.anchor == row.artifact else None
        value: float = getattr(row.anchored.estimate, name)
        return value

    return Column(key=f"anchor_{name}", header=header, get=get, show=digits(3))


def _versions(names: Container[str] | None = None) -> Column[Measurement]:
    """The versions of the machine's software: those of these names, or all."""

    def get(row: Measurement) -> str | None:
        versions = row.machine.versions.items()
        return ", ".join(f"{name} {version}" for name, version in versions if names is None or name in names) or None

    return Column(key="versions", header="versions", get=get, detail=True)


RUNTIME_NAMES = {
    Runtime.ONNXRUNTIME: "ONNX Runtime",
    Runtime.TENSORRT: "TensorRT",
    Runtime.PYTORCH: "PyTorch",
    Runtime.TORCH_COMPILE: "torch.compile",
    Runtime.OPENVINO: "OpenVINO",
    Runtime.COREML: "Core ML",
}


def mode_in_words(options: RuntimeOptions) -> str | None:
    """How a runtime ran, where it was not as usual: such rows are not to be taken for the others."""
    words = {
        "CUDA graph": options.cuda_graph,
        "with transfers": options.include_transfers,
        "TF32": options.use_tf32,
        "fallback allowed": options.allow_fallback,
        "channels last": options.prefer_nhwc,
        f"{options.graph_optimization} graph optimization": options.graph_optimization is not GraphOptimization.ALL,
        "threads that do not spin": not options.allow_spinning,
    }
    return ", ".join(word for word, asked in words.items() if asked) or None


MEASUREMENT_COLUMNS: tuple[Column[Measurement], ...] = (
    Column(key="name", header="network", get=lambda row: row.name),
    Column(key="form", header="form", get=lambda row: row.artifact.form, detail=True),
    Column(key="sha256", header="sha256", get=lambda row: row.artifact.sha256, show=short_hash, detail=True),
    Column(
        key="published_top1",
        header="published\ntop-1 %",
        spare=3,
        get=lambda row: row.published.top1 if row.published else None,
        show=digits(1),
        published=True,
    ),
    Column(
        key="params", header="params\nM", spare=6, get=lambda row: row.artifact.params, show=lambda v: f"{v / 1e6:.1f}"
    ),
    Column(
        key="macs", header="FLOPs\nG ¹", spare=5, get=lambda row: row.artifact.macs, show=lambda v: f"{v / 1e9:.2f}"
    ),
    Column(key="image_size", header="image\nsize", get=lambda row: row.artifact.image_size, detail=True),
    Column(key="opset", header="opset", get=lambda row: row.artifact.opset, detail=True),
    Column(key="specification_version", header="spec", get=lambda row: row.artifact.specification_version, detail=True),
    Column(key="device", header="device", get=lambda row: str(row.device), detail=True),
    Column(
        key="runtime",
        header="runtime",
        get=lambda row: str(row.options.runtime),
        show=lambda value: RUNTIME_NAMES[Runtime(value)],
        detail=True,
    ),
    Column(key="compute_units", header="compute\nunits", get=lambda row: row.options.compute_units, detail=True),
    Column(key="mode", header="mode", get=lambda row: mode_in_words(row.options), detail=True),
    Column(key="threads", header="threads", get=lambda row: row.threads, detail=True),
    Column(key="batch_size", header="batch", get=lambda row: row.batch_size, detail=True),
    Column(key="runs", header="runs", get=lambda row: row.latency.runs if row.latency else None, detail=True, spare=7),
    Column(
        key="rounds",
        header="rounds",
        get=lambda row: row.latency.rounds if row.latency else None,
        detail=True,
        spare=7,
    ),
    _ms("mean_ms", "mean\nms", spare=3),
    _ms("std_ms", "std\nms", detail=True),
    _ms("min_ms", "min\nms", detail=True),
    _ms("p50_ms", "p50\nms", spare=1),
    _ms("p90_ms", "p90\nms", detail=True),
    _ms("p95_ms", "p95\nms", spare=8),
    _ms("p99_ms", "p99\nms", spare=2),
    _ms("max_ms", "max\nms", detail=True),
    Column(key="gpu_p50_ms", header="GPU p50\nms ⁵", get=lambda row: row.gpu_p50_ms, show=milliseconds, spare=7),
    _percent("run_spread", "runs\nspread ²", spare=4),
    _percent("round_spread", "rounds\nspread ²", spare=3),
    _ms("process_p50_ms", "p50 by\nround ²"),
    _interval("process_p50_low_ms", "95 %\nfrom", 0),
    _interval("process_p50_high_ms", "\nto", 1),
    Column(
        key="indistinct_from", header="", get=lambda row: ", ".join(row.indistinct_from) or None, show=lambda _: "≈"
    ),
    _anchored("ratio", "time /\nanchor's ⁴"),
    _anchored("low", "95 %\nfrom"),
    _anchored("high", "\nto"),
    Column(
        key="anchor",
        header="anchor",
        get=lambda row: row.anchored and row.anchored.anchor.name,
        detail=True,
        spare=7,
    ),
    Column(
        key="anchor_sha256",
        header="anchor\nsha256",
        get=lambda row: row.anchored and row.anchored.anchor.sha256,
        show=short_hash,
        detail=True,
    ),
    Column(
        key="images_per_second",
        header="images\na second",
        get=lambda row: row.images_per_second,
        show=lambda v: f"{v:.0f}" if v >= 100 else f"{v:.1f}",
        detail=True,
        spare=2,
    ),
    Column(key="load_ms", header="load\nms", get=lambda row: row.load_ms, show=digits(1), detail=True),
    Column(
        key="first_inference_ms",
        header="first\nms",
        get=lambda row: row.first_inference_ms,
        show=digits(1),
        detail=True,
    ),
    Column(
        key="peak_memory_bytes",
        header="memory\nMB",
        get=lambda row: row.peak_memory_bytes,
        show=lambda v: f"{v / 1e6:.0f}",
        detail=True,
    ),
    Column(
        key="size_bytes",
        header="file\nMB",
        get=lambda row: row.artifact.size_bytes,
        show=lambda v: f"{v / 1e6:.1f}",
        detail=True,
    ),
    Column(key="weights", header="weights", get=lambda row: row.artifact.weights, detail=True),
    Column(key="cpu_model", header="CPU", get=lambda row: row.machine.cpu_model, detail=True),
    Column(key="gpu", header="GPU", get=lambda row: row.gpu, detail=True),
    Column(key="os", header="system", get=lambda row: row.machine.os, detail=True),
    Column(key="available_cores", header="cores", get=lambda row: row.machine.available_cores, detail=True),
    _versions(),
    Column(
        key="gpu_memory_bytes",
        header="GPU memory\nMB",
        get=lambda row: row.session.gpu_memory_bytes if row.session else None,
        show=lambda v: f"{v / 1e6:.0f}",
        detail=True,
    ),
    Column(
        key="published_cpu_e5_2680_4t_ms",
        header="paper's\nms ³",
        spare=4,
        get=lambda row: row.published.cpu_e5_2680_4t_ms if row.published and row.paper_ratio else None,
        show=digits(1),
        published=True,
    ),
    Column(key="paper_ratio", header="ours /\npaper's ³", spare=2, get=lambda row: row.paper_ratio, show=digits(2)),
    Column(key="warnings", header="warnings", spare=9, get=lambda row: ", ".join(row.warnings) or None),
    Column(key="failures", header="failed", spare=2, get=lambda row: "; ".join(dict.fromkeys(row.failures)) or None),
)


# What the rows usually have in common, and so stands above the table, once.
_SHARED = (
    *("form", "image_size", "opset", "specification_version", "device", "runtime", "compute_units", "mode", "threads"),
    *("batch_size", "runs", "rounds", "weights", "cpu_model", "gpu", "anchor", "os", "available_cores", "versions"),
)
# What makes two rows different ones.
_FACTS = (*(key for key in _SHARED if key not in ("runs", "rounds", "anchor")), "sha256")


def labels(artifacts: Sequence[TimedArtifact]) -> list[str]:
    """Their names, with a short hash where several files look alike."""
    alike = _alike(artifacts)
    return [f"{a.name} ({short_hash(a.sha256)})" if _face(a) in alike else a.name for a in artifacts]


def candidate_labels(comparisons: Sequence[Comparison]) -> list[str]:
    """The names of what was compared, told from each other and from what it was compared with."""
    artifacts = [*(row.candidate for row in comparisons), *(row.baseline for row in comparisons)]
    return labels(artifacts)[: len(comparisons)]


def _alike(artifacts: Iterable[TimedArtifact]) -> set[tuple[object, ...]]:
    """What is seen of artifacts that nothing but their hash tells apart."""
    hashes: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for artifact in artifacts:
        hashes[_face(artifact)].add(artifact.sha256)
    return {face for face, found in hashes.items() if len(found) > 1}


def _face(artifact: TimedArtifact) -> tuple[object, ...]:
    return artifact.name, *(getattr(artifact, key) for key in _ARTIFACT_FACTS)


def _fact(column: Column[Row], columns: Sequence[Column[Row]], rows: Iterable[Row], *, shown: bool) -> Column[Row]:
    """A column of what rows may share: where rows of one name, the first column, differ in it, it stays."""
    values: dict[Cell, set[Cell]] = defaultdict(set)
    for row in rows:
        values[columns[0].get(row)].add(column.get(row))
    tells_apart = any(len(found) > 1 for found in values.values())
    return msgspec.structs.replace(column, detail=not shown, spare=0 if tells_apart else column.spare or 7)


def measurement_table(measurements: Sequence[Measurement]) -> Table[Measurement]:
    """The table of what was measured, beside what the paper published.

    What all rows share is said above it; where rows differ in it, it is a column.
    """
    columns, title = _settle(measurements)
    notes = _notes(measurements, {column.key for column in _main_columns(columns, measurements)})
    if any(m.paper_ratio for m in measurements):
        notes.append(f"³ published: mean of {PAPER_RUNS} runs on a {PAPER_CPU}. Not the paper's hardware here.")
    notes += _last_notes(measurements)
    return Table(rows=tuple(measurements), columns=columns, notes=tuple(notes), title=title)


def _settle(measurements: Sequence[Measurement]) -> tuple[tuple[Column[Measurement], ...], str | None]:
    """The columns, and what all rows share in words: that is none of the columns for people."""
    versions = [m.machine.versions for m in measurements]
    names = {name for each in versions for name in each if len({other.get(name) for other in versions}) > 1}
    differing = {
        column.key
        for column in MEASUREMENT_COLUMNS
        if column.key in _SHARED and len({column.get(m) for m in measurements}) > 1
    }
    if any(m.batch_size > 1 for m in measurements):
        differing.add("images_per_second")
    if _alike(m.artifact for m in measurements):
        differing.add("sha256")
    columns = tuple(
        _fact(
            _versions(names) if column.key == "versions" else column,
            MEASUREMENT_COLUMNS,
            measurements,
            shown=column.key in differing,
        )
        if column.key in _FACTS
        else msgspec.structs.replace(column, detail=column.detail and column.key not in differing)
        for column in MEASUREMENT_COLUMNS
    )
    shared = {c.key: c.text(measurements[0]) for c in columns if c.key in _SHARED and c.detail} if measurements else {}
    wording = (
        ("gpu", "{}"),
        ("cpu_model", "{}"),
        ("runtime", "{}"),
        ("compute_units", "compute units: {}"),
        ("mode", "{}"),
        ("threads", "{} thread"),
        ("batch_size", "batch {}"),
        ("image_size", "{} px"),
        ("form", "{} form"),
        ("runs", "{} timed run"),
        ("rounds", "{} round"),
    )
    title = ", ".join(
        words.format(shared[key]) + ("s" if key in ("threads", "runs", "rounds") and shared[key] != "1" else "")
        for key, words in wording
        if shared.get(key)
    )
    return columns, title or None


def _notes(measurements: Sequence[Measurement], shown: Collection[str]) -> list[str]:
    """What stands first under a table, of whose columns those for people are shown."""
    notes = []
    if any(m.artifact.macs for m in measurements):
        notes.append("¹ multiply-adds, counted as the paper counts its FLOPs.")
    if by_round := _by_round(shown):
        notes.append(f"² a round is a fresh process. {by_round}")
    if any(m.lacks_papers_form for m in measurements):
        notes.append(
            "The paper timed the plain form: 'effmod bench --rewrite none' does so too, and shows its latencies beside "
            "ours."
        )
    if any(m.indistinct_from for m in measurements):
        notes.append(
            "≈ its interval overlaps with that of the next faster or slower network: the order of the two is not "
            "known. 'effmod compare A B' tells them apart."
        )
    return notes


def _by_round(shown: Collection[str]) -> str:
    """What the columns mean that tell rounds apart."""
    spreads = {
        "run_spread": "runs spread: how wide the middle half of its runs is",
        "round_spread": "rounds spread: how far the medians of rounds lie apart",
    }
    found = [words for key, words in spreads.items() if key in shown]
    sentences = []
    if found:
        text = "; ".join(found) + ("; both" if len(found) > 1 else ",") + " relative to the median."
        sentences.append(text[0].upper() + text[1:])
    if "process_p50_ms" in shown:
        medians = "these medians" if "round_spread" in shown else "the medians of rounds"
        interval = ", with its 95 % interval" if "process_p50_low_ms" in shown else ""
        sentences.append(f"p50 by round: the mean of {medians}{interval}.")
    return " ".join(sentences)


def _last_notes(measurements: Sequence[Measurement]) -> list[str]:
    anchors = dict.fromkeys(
        f"{m.anchored.anchor.name} ({m.anchored.anchor.form or 'a file'}, sha256 {m.anchored.anchor.sha256[:12]})"
        for m in measurements
        if m.anchored
    )
    notes = [
        f"⁴ its time over that of {anchor}, both in one process, in turn, with its 95 % interval: what slows the "
        "machine down for a while slows both."
        for anchor in anchors
    ]
    if any(m.gpu_p50_ms for m in measurements):
        notes.append(
            "⁵ by CUDA events, of as many inferences more: from the GPU's first work to its last, with the gaps in "
            "which it waits for the host to send more, without the host's own start and wait."
        )
    return notes


# Columns of measurements that the paper's table has no place for.
_NOT_REPRODUCED = ("published_cpu_e5_2680_4t_ms", "paper_ratio")


def reproduction_table(
    title: str, measurements: Sequence[Measurement], papers: Sequence[PaperLatency], *, not_measured: Sequence[str]
) -> Table[Reproduced]:
    """The paper's table: our latencies beside its own, and under it how far the two orders agree.

    Args:
        not_measured: the networks of the table that are not among the measurements.
    """
    settled, shared = _settle(measurements)
    columns = [_of_measurement(column) for column in settled if column.key not in _NOT_REPRODUCED]
    after = next(i for i, column in enumerate(columns) if column.key == "p50_ms") + 1
    columns[after:after] = [*map(_paper_column, papers), *_REPRODUCED]
    rows = reproduce(measurements, papers)
    notes = _notes(measurements, {column.key for column in _main_columns(columns, rows)})
    if papers and any(row.ratio for row in rows):
        notes.append(f"³ our mean over the paper's on its {papers[0].hardware}. Not the paper's hardware here.")
    for paper in papers:
        notes += [_agreement_in_words(found, paper.hardware) for found in agreements(rows, paper.hardware)]
    notes += _last_notes(measurements)
    if not_measured:
        notes.append(f"Not measured: {', '.join(not_measured)}.")
    return Table(
        rows=tuple(rows), columns=tuple(columns), notes=tuple(notes), title="\n".join(filter(None, (title, shared)))
    )


def _of_measurement(column: Column[Measurement]) -> Column[Reproduced]:
    return Column(
        key=column.key,
        header=column.header,
        get=lambda row: column.get(row.measurement),
        show=column.show,
        detail=column.detail or column.key in _DETAILS_OF_REPRODUCTION,
        published=column.published,
        spare=column.spare,
    )


# What stands in the table of measurements and would make the paper's table too wide.
_DETAILS_OF_REPRODUCTION = (
    "p95_ms",
    "p99_ms",
    "run_spread",
    "process_p50_ms",
    "process_p50_low_ms",
    "process_p50_high_ms",
)


def _paper_column(paper: PaperLatency) -> Column[Reproduced]:
    return Column(
        key=f"published_{paper.figure}",
        header=f"{paper.hardware.partition(',')[0]}\npaper's ms",
        get=lambda row: row.paper_ms.get(paper.hardware),
        show=digits(1),
        published=True,
        spare=1,
    )


_REPRODUCED: tuple[Column[Reproduced], ...] = (
    Column(key="paper_ratio", header="ours /\npaper's ³", spare=2, get=lambda row: row.ratio, show=digits(2)),
    Column(key="rank", header="our\nrank", spare=2, get=lambda row: row.rank),
    Column(key="paper_rank", header="paper's\nrank", spare=2, get=lambda row: row.paper_rank, published=True),
)


def _agreement_in_words(found: Agreement, hardware: str) -> str:
    interval = (
        f"95 % from {found.interval[0]:.2f} to {found.interval[1]:.2f} (Fieller, Hartley and Pearson 1957)"
        if found.interval
        else "without an interval: the networks are too few, or in the same order"
    )
    return (
        f"Our order of {found.networks} networks beside the paper's on its {hardware}: Kendall's tau {found.tau:.2f}, "
        f"{interval}."
    )


HAND_ENTRY_COLUMNS: tuple[Column[HandEntry], ...] = (
    Column(key="name", header="network", get=lambda row: row.name),
    Column(key="form", header="form", get=lambda row: row.artifact and row.artifact.form, detail=True),
    Column(key="mean_ms", header="mean\nms", get=lambda row: row.mean_ms),
    Column(key="p50_ms", header="p50\nms", get=lambda row: row.p50_ms),
    Column(key="runs", header="runs", spare=2, get=lambda row: row.runs),
    Column(
        key="published_iphone13_ms",
        header="paper's ms,\niPhone 13",
        spare=3,
        get=lambda row: _published(row, "iphone13_ms"),
        show=digits(1),
        published=True,
    ),
    Column(
        key="published_top1",
        header="published\ntop-1 %",
        spare=4,
        get=lambda row: _published(row, "top1"),
        show=digits(1),
        published=True,
    ),
    Column(key="device_name", header="device", get=lambda row: row.device_name),
    Column(key="os", header="system", get=lambda row: row.os),
    Column(key="compute_units", header="compute\nunits", get=lambda row: row.compute_units),
    Column(key="tool", header="tool", get=lambda row: row.tool),
    Column(
        key="sha256",
        header="sha256",
        get=lambda row: row.artifact and row.artifact.sha256,
        show=short_hash,
        detail=True,
    ),
    Column(
        key="entered_by_hand_at",
        header="entered",
        get=lambda row: row.started_at,
        show=lambda v: v[:10],
        detail=True,
    ),
    Column(key="note", header="note", spare=1, get=lambda row: row.note or None),
)


def hand_entry_table(entries: Sequence[HandEntry]) -> Table[HandEntry]:
    """The table of what was entered by hand, which is never one with what was measured."""
    return Table(
        rows=tuple(entries),
        columns=HAND_ENTRY_COLUMNS,
        title="Entered by hand: measured elsewhere, by other tools; effmod has no samples of it",
    )


def _published(entry: HandEntry, figure: str) -> float | None:
    paper, artifact = published().get(entry.name), entry.artifact
    if paper and artifact and (artifact.image_size != paper.image_size or artifact.form not in EQUAL_FORMS):
        return None
    value: float | None = getattr(paper, figure, None)
    return value


def percent(share: float) -> str:
    """A share as people write it, to three digits: "0.5 %", "12 %"."""
    return f"{100 * share:.3g} %"


def difference_in_words(comparison: Comparison | Difference) -> str | None:
    """Such as "1.9 % faster": the candidate takes 1.9 % less time. None where no ratio was found."""
    if comparison.estimate is None:
        return None
    if comparison.verdict is Verdict.NOT_DISTINGUISHABLE:
        return str(comparison.verdict)
    return f"{100 * abs(comparison.estimate.ratio - 1):.1f} % {comparison.verdict}"


def _estimated(name: str, header: str) -> Column[Comparison]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.estimate, name) if row.estimate else None,
        show=digits(3),
    )


# What tells files of one network apart, with its header.
_ARTIFACT_FACTS = {"form": "form", "opset": "opset", "image_size": "px", "batch_size": "batch"}


def _of_artifact(prefix: str, artifact: Callable[[Comparison], TimedArtifact]) -> tuple[Column[Comparison], ...]:
    """What tells them apart, and their hash; shown where the rows, or the two of a row, differ in it."""
    of, spare = ("compared\n", 2) if prefix else ("", 0)
    return (
        Column(
            key=f"{prefix}sha256",
            header=f"{of}sha256",
            get=lambda row: artifact(row).sha256,
            show=short_hash,
            detail=True,
        ),
        *(
            Column(
                key=f"{prefix}{key}",
                header=of + header,
                spare=spare,
                get=lambda row, key=key: getattr(artifact(row), key),  # type: ignore[misc]
                detail=True,
            )
            for key, header in _ARTIFACT_FACTS.items()
        ),
    )


COMPARISON_COLUMNS: tuple[Column[Comparison], ...] = (
    Column(
        key="name",
        header="network",
        get=lambda row: row.candidate.name + (" (control)" if row.control else ""),
    ),
    *_of_artifact("", lambda row: row.candidate),
    Column(key="mode", header="mode", spare=1, get=lambda row: mode_in_words(row.options)),
    Column(key="baseline", header="compared with", spare=1, get=lambda row: row.baseline.name),
    *_of_artifact("baseline_", lambda row: row.baseline),
    _estimated("ratio", "time\nratio ¹"),
    _estimated("low", "95 %\nfrom"),
    _estimated("high", "95 %\nto"),
    Column(key="difference", header="verdict", get=difference_in_words),
    Column(key="verdict", header="verdict", get=lambda row: row.verdict and str(row.verdict), detail=True),
    Column(
        key="half_width",
        header="half\nwidth",
        spare=6,
        get=lambda row: row.estimate and row.estimate.half_width,
        show=percent,
        detail=True,
    ),
    Column(key="candidate_p50_ms", header="p50\nms", spare=2, get=lambda row: row.candidate_p50_ms, show=milliseconds),
    Column(
        key="baseline_p50_ms",
        header="compared\np50 ms",
        spare=3,
        get=lambda row: row.baseline_p50_ms,
        show=milliseconds,
    ),
    Column(key="processes", header="pro-\ncesses", spare=4, get=lambda row: row.processes),
    Column(key="runs", header="runs\nof each", spare=5, get=lambda row: row.runs),
    Column(key="threads", header="threads", get=lambda row: row.threads, detail=True),
    Column(key="cpu_model", header="CPU", get=lambda row: row.machine.cpu_model, detail=True),
    Column(key="gpu", header="GPU", get=lambda row: row.gpu, detail=True),
    Column(key="device", header="device", get=lambda row: str(row.plan.device), detail=True),
    Column(
        key="runtime",
        header="runtime",
        get=lambda row: str(row.plan.options.runtime),
        show=lambda value: RUNTIME_NAMES[Runtime(value)],
        detail=True,
    ),
    Column(key="margin", header="margin", get=lambda row: row.plan.margin, show=percent, detail=True),
    Column(key="run_id", header="run", get=lambda row: row.run_id, detail=True),
    Column(key="warnings", header="warnings", spare=6, get=lambda row: ", ".join(row.warnings) or None),
    Column(key="failures", header="failed", spare=4, get=lambda row: "; ".join(dict.fromkeys(row.failures)) or None),
)


_SETTINGS = ("threads", "cpu_model", "gpu", "runtime")
# What makes two rows different ones, apart from what they have in common.
_COMPARISON_FACTS = (*_ARTIFACT_FACTS, "mode", *_SETTINGS)


def comparison_table(comparisons: Sequence[Comparison]) -> Table[Comparison]:
    """The table of what was timed in turn."""
    settings = {(row.gpu, row.machine.cpu_model, row.plan.options.runtime, row.threads) for row in comparisons}
    title = None
    if len(settings) == 1:
        ((gpu, cpu_model, runtime, threads),) = settings
        provider = None if runtime is Runtime.ONNXRUNTIME else RUNTIME_NAMES[runtime]
        on_threads = f"{threads} thread{'s' if threads != 1 else ''}"
        title = ", ".join(filter(None, (gpu, cpu_model, provider, on_threads, "timed in turn")))
    telling = set(_SETTINGS) if title is None else set()
    if any(row.plan.until is not None for row in comparisons):
        telling.add("half_width")
    artifacts = [artifact for row in comparisons for artifact in (row.candidate, row.baseline)]
    for key in _ARTIFACT_FACTS:
        if len({getattr(artifact, key) for artifact in artifacts}) > 1:
            telling |= {key, f"baseline_{key}"}
    if _alike(artifacts):
        telling |= {"sha256", "baseline_sha256"}
    columns = tuple(
        _fact(column, COMPARISON_COLUMNS, comparisons, shown=not column.detail or column.key in telling)
        if column.key in _COMPARISON_FACTS
        else msgspec.structs.replace(column, detail=column.detail and column.key not in telling)
        for column in COMPARISON_COLUMNS
    )
    notes = []
    if any(row.estimate for row in comparisons):
        notes.append(
            "¹ its time over the time of what it is compared with, both in one process, in turn: at 0.981 it takes "
            "1.9 % less time, and is called 1.9 % faster."
        )
    margins = sorted({row.plan.margin for row in comparisons})
    if any(row.estimate and row.verdict is Verdict.NOT_DISTINGUISHABLE for row in comparisons):
        notes.append(
            "Not distinguishable: the interval holds 1, or the difference is below "
            f"{' or '.join(map(percent, margins))}."
        )
    return Table(rows=tuple(comparisons), columns=columns, notes=tuple(notes), title=title)


def _speed(key: str, header: str, get: Callable[[Estimate], float]) -> Column[Trial]:
    return Column(
        key=key,
        header=header,
        get=lambda row: get(row.estimate.speed) if row.estimate else None,
        show=digits(3),
    )


TUNING_COLUMNS: tuple[Column[Trial], ...] = (
    Column(key="name", header="candidate", get=lambda row: row.name),
    _speed("speed", "speed ¹", lambda speed: speed.ratio),
    _speed("low", "95 %\nfrom", lambda speed: speed.low),
    _speed("high", "95 %\nto", lambda speed: speed.high),
    Column(key="processes", header="pro-\ncesses", spare=3, get=lambda row: row.processes or None),
    Column(
        key="relative_error",
        header="relative\nerror ²",
        spare=2,
        get=lambda row: row.relative_error,
        show=lambda value: f"{value:.1e}",
    ),
    Column(key="top1", header="top-1\n%", spare=1, get=lambda row: row.top1, show=digits(2)),
    Column(key="decision", header="outcome", get=lambda row: str(row.decision)),
    Column(key="reason", header="why", get=lambda row: row.reason),
    Column(key="file", header="file", get=lambda row: row.file, detail=True),
    Column(key="sha256", header="sha256", get=lambda row: row.sha256, show=short_hash, detail=True),
)


def tuning_table(trials: Sequence[Trial], title: str) -> Table[Trial]:
    """The table of what was tried, the baseline first."""
    notes = [
        f"¹ how many times as fast as the {trials[0].name} file, both timed in turn in one process.",
        "² the largest difference of an output, over the largest output.",
    ]
    unequal = [row.name for row in trials if row.estimate and not row.equal]
    if unequal:
        notes.append(f"Not equal, whatever their speed: {', '.join(unequal)}.")
    return Table(rows=tuple(trials), columns=TUNING_COLUMNS, notes=tuple(notes), title=title)


def _change(name: str, header: str) -> Column[Difference]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.estimate, name) if row.estimate else None,
        show=digits(3),
    )


def _of_side(side: str) -> tuple[Column[Difference], ...]:
    """What a row's ratio is the quotient of: its time over its anchor's, or its own time."""

    def anchored(row: Difference) -> float | None:
        found = getattr(row, side).anchored
        return found.estimate.ratio if row.anchor and found.estimate else None

    def process_p50_ms(row: Difference) -> float | None:
        latency = getattr(row, side).latency
        return latency.process_p50_ms if latency and row.anchor is None else None

    return (
        Column(key=f"anchor_ratio_{side}", header=f"time / anchor's\n{side}", get=anchored, show=digits(3), spare=3),
        Column(
            key=f"process_p50_{side}_ms",
            header=f"p50 by round\n{side}",
            get=process_p50_ms,
            show=milliseconds,
            spare=3,
        ),
    )


def _p50(side: str) -> Column[Difference]:
    def p50_ms(row: Difference) -> float | None:
        latency = getattr(row, side).latency
        return latency.p50_ms if latency else None

    return Column(key=f"p50_{side}_ms", header=f"{side}\np50 ms", get=p50_ms, show=milliseconds, detail=True)


DIFFERENCE_COLUMNS: tuple[Column[Difference], ...] = (
    Column(key="name", header="network", get=lambda row: row.after.name),
    Column(key="form", header="form", spare=4, get=lambda row: row.after.artifact.form),
    Column(key="batch_size", header="batch", spare=5, get=lambda row: row.after.batch_size),
    Column(key="image_size", header="image\nsize", spare=5, get=lambda row: row.after.artifact.image_size),
    Column(key="threads", header="threads", spare=5, get=lambda row: row.after.threads),
    Column(key="device", header="device", get=lambda row: str(row.after.device), detail=True),
    Column(key="runtime", header="runtime", get=lambda row: str(row.after.options.runtime), detail=True),
    Column(key="mode", header="mode", get=lambda row: mode_in_words(row.after.options), detail=True),
    *(column for pair in zip(_of_side("before"), _of_side("after"), strict=True) for column in pair),
    _p50("before"),
    _p50("after"),
    _change("ratio", "time\nratio ¹"),
    _change("low", "95 %\nfrom"),
    _change("high", "95 %\nto"),
    Column(key="difference", header="verdict", get=difference_in_words),
    Column(key="verdict", header="verdict", get=lambda row: row.verdict and str(row.verdict), detail=True),
    Column(key="anchor", header="through ²", spare=2, get=lambda row: row.anchor or "p50"),
    Column(key="same_file", header="file", spare=3, get=lambda row: "same" if row.same_file else "changed"),
    Column(key="cpu_before", header="CPU\nbefore", get=lambda row: row.before.machine.cpu_model, detail=True),
    Column(key="cpu_after", header="CPU\nafter", get=lambda row: row.after.machine.cpu_model, detail=True),
)


_DIFFERENCE_FACTS = ("form", "batch_size", "image_size", "threads", "device", "runtime", "mode")


def difference_table(rows: Sequence[Difference]) -> Table[Difference]:
    """The table of what differs between two stores, which have a row in common."""
    pairs = [(row.before, row.after) for row in rows]
    notes = ["¹ the time in the second store over that in the first, with its 95 % interval over processes."]
    if any(row.anchor for row in rows):
        notes.append("² through an anchor: the ratio of the two ratios to it, each timed in turn with it.")
    if any(row.anchor is None for row in rows):
        notes.append(
            "² p50: the anchor itself, or a row without the same anchor's file in both stores: the medians of rounds "
            "are compared, two runs of different times, and what the machine did otherwise is in their ratio. 'effmod "
            "bench --anchor NAME' adds an anchor."
        )
    machines = [list(dict.fromkeys(str(m.machine.cpu_model) for m in side)) for side in zip(*pairs, strict=True)]
    if machines[0] != machines[1]:
        notes.append(f"Two machines: {', '.join(machines[0])} before, {', '.join(machines[1])} after.")
    columns = tuple(
        _fact(column, DIFFERENCE_COLUMNS, rows, shown=not column.detail or len({column.get(row) for row in rows}) > 1)
        if column.key in _DIFFERENCE_FACTS
        else column
        for column in DIFFERENCE_COLUMNS
    )
    return Table(rows=tuple(rows), columns=columns, notes=tuple(notes))
