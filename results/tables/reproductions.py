"""A table of the paper, our latencies beside its own."""

from collections.abc import Callable, Collection, Sequence

from results.published import read_table
from results.statistics.reproduction import Agreement, PaperLatency, Reproduced, agreements, reproduce
from results.statistics.summary import Measurement
from results.tables.columns import of_measurement
from results.tables.measurements import first_notes, last_notes, settle_measurements
from results.tables.published import paper_name, published_columns
from results.tables.table import Column, Note, Table, main_columns
from results.tables.words import counted, digits, on_place

# Columns of measurements that the paper's table has others in the place of.
_NOT_REPRODUCED = ("published_cpu_e5_2680_4t_ms", "paper_ratio")
# Those that would make it too wide. What is added to the table of measurements stands here, too, unless it is named.
_DETAILS = ("p95_ms", "p99_ms", "run_spread", "process_p50_ms", "process_p50_low_ms", "process_p50_high_ms")
# Of a network itself, which stand in the columns of measurements, counted by us, or name it.
_OWN_FIGURES = ("name", "paper_name", "year", "params_m", "flops_g", "gpu_p100_ms", "cpu_e5_2680_4t_ms", "image_size")


def _other_size(row: Reproduced) -> str:
    return " ⁶" if row.is_of_other_size else ""


_REPRODUCED: tuple[Column[Reproduced], ...] = (
    Column(key="paper_ratio", header="ours /\npaper's ³", spare=2, get=lambda row: row.ratio, show=digits(2)),
    Column(key="rank", header="our\nrank", spare=2, get=lambda row: row.rank, mark=_other_size),
    Column(
        key="paper_rank",
        header="paper's\nrank",
        spare=2,
        get=lambda row: row.paper_rank,
        mark=_other_size,
        published=True,
    ),
)


def reproduction_table(
    title: str,
    measurements: Sequence[Measurement],
    papers: Sequence[PaperLatency],
    *,
    not_measured: Sequence[str],
    source: str | None = None,
    shown: Collection[str] | None = None,
) -> Table[Reproduced]:
    """The paper's table: our latencies beside its own, and under it how far the two orders agree.

    Args:
        not_measured: the networks of the table that are not among the measurements.
        source: the file under `results/published` whose columns are added; None for none.
        shown: those of them that are no details; None for all that say more than a network's own figures.
    """
    settled, shared = settle_measurements(measurements)
    columns = [of_measurement(column, details=_DETAILS) for column in settled if column.key not in _NOT_REPRODUCED]
    after = next(i for i, column in enumerate(columns) if column.key == "p50_ms") + 1
    columns[after:after] = [*map(_paper_column, papers), *_REPRODUCED]
    if source is not None:
        figures = {paper.figure for paper in papers}
        if shown is None:
            shown = [key for key in read_table(source)[0] if key not in _OWN_FIGURES]
        columns += published_columns(source, paper_name, shown=shown, besides=figures | {"top1"})
    rows = reproduce(measurements, papers)
    notes = first_notes(measurements, {column.key for column in main_columns(columns, rows)})
    if papers and any(row.ratio for row in rows):
        note = f"³ our mean over the paper's on its {papers[0].hardware}. Not the paper's hardware here."
        notes.append(Note(note, "paper_ratio", *(f"published_{paper.figure}" for paper in papers)))
    for paper in papers:
        notes += agreement_notes(
            agreements(rows, paper.hardware),
            lambda found: f"{found.networks} networks of {found.image_size} px",
            paper.hardware,
        )
    notes += last_notes(measurements)
    if any(row.rank and row.is_of_other_size for row in rows):
        notes.append("⁶ takes images of another size than most: its ranks are among networks of its own size alone.")
    if not_measured:
        notes.append(f"Not measured: {', '.join(not_measured)}.")
    return Table(rows=tuple(rows), columns=tuple(columns), notes=tuple(notes), title=title, subtitle=shared, name=title)


def _paper_column(paper: PaperLatency) -> Column[Reproduced]:
    return Column(
        key=f"published_{paper.figure}",
        header=f"{paper.hardware.partition(',')[0]}\npaper's ms",
        get=lambda row: row.paper_ms.get(paper.hardware),
        show=digits(1),
        published=True,
        spare=1,
    )


def agreement_notes(found: Sequence[Agreement], networks: Callable[[Agreement], str], hardware: str) -> list[Note]:
    """How far our orders are the paper's, each with what tells it from the others.

    Args:
        networks: those of the two orders, in words.
        hardware: of the paper's.
    """
    telling = len({each.threads for each in found}) > 1
    notes = []
    for each in found:
        of = on_place(networks(each), each.place)
        if telling and each.threads is not None:
            of += f" with {counted(each.threads, 'thread')}"
        notes.append(_agreement_note(each, of, hardware))
    return notes


def _agreement_note(found: Agreement, networks: str, hardware: str) -> Note:
    interval = (
        f"95 % from {found.interval[0]:.2f} to {found.interval[1]:.2f} (Fieller, Hartley and Pearson 1957)"
        if found.interval
        else "without an interval: the networks are too few, or in the same order"
    )
    figure = f"their time over that of {found.anchor}" if found.anchor else "their mean"
    return Note(
        f"Our order of {networks}, by {figure}, beside the paper's on its {hardware}: "
        f"Kendall's tau {found.tau:.2f}, {interval}.",
        "rank",
        "paper_rank",
        "paper_ratio",
    )
