"""Table 10: a few tests of each network with their spread, beside the paper's on four GPUs; and larger batches."""

from collections.abc import Sequence

from results.published import published, read_table
from results.statistics.repeated import Repeated
from results.statistics.summary import Measurement
from results.tables.accuracy import ACCURACY_COLUMNS
from results.tables.columns import of_measurement
from results.tables.measurements import settle_measurements
from results.tables.published import paper_name, published_columns
from results.tables.table import Column, Note, Table
from results.tables.words import counted, digits, milliseconds

_GPUS = "table10_gpus"
_BATCHES = "batch_sweep_efficientmod_s"
_OF_SWEEP = "efficientmod_s"  # whose latencies by batch size the paper has


def _table1_ms(name: str) -> float | None:
    """The paper's P100 latency of Table 1, which Table 10 measured again."""
    paper = published().get(name)
    return paper.gpu_p100_ms if paper else None


def _differs(name: str) -> float | None:
    """How far Table 10's P100 latency is from Table 1's, relative to it."""
    paper = published().get(name)
    if paper is None or not paper.p100_ms or not paper.gpu_p100_ms or paper.p100_ms == paper.gpu_p100_ms:
        return None
    return paper.p100_ms / paper.gpu_p100_ms - 1


_OURS: tuple[Column[Repeated], ...] = (
    Column(key="tests", header="tests", get=lambda row: len(row.means_ms), spare=7),
    Column(key="mean_ms", header="mean\nms", get=lambda row: row.mean_ms, show=milliseconds),
    Column(key="std_ms", header="std\nms ¹", get=lambda row: row.std_ms, show=digits(3)),
    Column(key="variance_ms2", header="variance\nms² ¹", get=lambda row: row.variance_ms2, show=digits(3)),
    Column(
        key="relative_std",
        header="std /\nmean",
        get=lambda row: row.std_ms / row.mean_ms if row.std_ms and row.mean_ms else None,
        show="{:.1%}".format,
        spare=1,
    ),
)
_PAPERS: tuple[Column[Repeated], ...] = (
    Column(
        key="published_table1_p100_ms",
        header="Table 1's\nP100 ms",
        get=lambda row: _table1_ms(paper_name(row)),
        show=digits(1),
        published=True,
        spare=5,
    ),
    Column(
        key="published_p100_difference",
        header="P100 beside\nTable 1 ²",
        get=lambda row: _differs(paper_name(row)),
        show="{:+.1%}".format,
        published=True,
        spare=5,
    ),
)


def repeated_table(title: str, rows: Sequence[Repeated], *, not_measured: Sequence[str]) -> Table[Repeated]:
    """Our tests beside the paper's figures, whose "+-" is printed as it is.

    Args:
        not_measured: the networks of the table that are not among the rows.
    """
    settled, shared = settle_measurements([row.measurement for row in rows])
    papers = read_table(_GPUS)
    differ = [abs(found) for row in papers if (found := _differs(row["name"])) is not None]
    missing = [row["name"] for row in read_table("table1") if row["name"] not in {paper["name"] for paper in papers}]
    printed = (
        "The paper's ± stands as it is printed. It is called a standard deviation, but 95 of its 96 values can only be "
        "sample variances of three means that were rounded to 0.1 ms: set them beside our variance. Not the paper's "
        "hardware here."
    )
    again = (
        f"² the paper's own reproducibility: {len(differ)} of its {len(papers)} latencies on the P100 are others than "
        f"in its Table 1, by {min(differ):.1%} to {max(differ):.1%}."
    )
    lacks = (f"The paper's table lacks {name}, which stands in its Table 1." for name in missing)
    gpus = published_columns(
        _GPUS,
        paper_name,
        shown=[key for key in papers[0] if key.endswith(("_ms", "_std"))],
        besides=("top1",),
    )
    of_paper = Note(printed, *(column.key for column in gpus if column.key.endswith(("_ms", "_std"))))
    notes = ("¹ of the means of the tests, each a process of its own.", of_paper, again, *lacks)
    left = (f"Not measured: {', '.join(not_measured)}.",) if not_measured else ()
    own = [of_measurement(column, details=()) for column in _facts(settled)]
    keys = {column.key for column in ACCURACY_COLUMNS}
    top1 = [of_measurement(column, details=keys) for column in settled if column.key in keys]
    failed = [of_measurement(column, details=()) for column in settled if column.key == "failures"]
    columns = (*own, *_OURS, *gpus, *_PAPERS, *top1, *failed)
    return Table(rows=tuple(rows), columns=columns, notes=(*notes, *left), title=title, subtitle=shared, name=title)


def _facts(settled: Sequence[Column[Measurement]]) -> list[Column[Measurement]]:
    """The name, and what tells rows apart."""
    return [column for column in settled if column.key == "name" or column.fact]


def batch_table(title: str, measurements: Sequence[Measurement]) -> Table[Measurement]:
    """One network at several batch sizes, beside the paper's latencies on two GPUs."""
    settled, shared = settle_measurements(measurements)
    papers = {int(row["batch_size"]): row for row in read_table(_BATCHES)}
    smallest: dict[tuple[object, ...], Measurement] = {}
    for m in sorted(measurements, key=lambda m: m.batch_size, reverse=True):
        if m.latency:
            smallest[_series(m)] = m

    def paper(key: str) -> Column[Measurement]:
        def get(row: Measurement) -> float | None:
            found = papers.get(row.batch_size)
            is_theirs = row.name == _OF_SWEEP and row.artifact.form == "plain" and row.artifact.image_size == 224
            return float(found[key]) if found and is_theirs else None

        gpu = key.removesuffix("_ms").upper()
        return Column(key=f"published_{key}", header=f"{gpu}\npaper's ms", get=get, show=digits(1), published=True)

    def an_image_ms(row: Measurement) -> float | None:
        return row.latency.mean_ms / row.batch_size if row.latency else None

    def relative(row: Measurement) -> float | None:
        first = smallest.get(_series(row))
        own, base = an_image_ms(row), an_image_ms(first) if first else None
        return own / base if own and base else None

    columns: tuple[Column[Measurement], ...] = (
        *_facts(settled),
        Column(
            key="mean_ms", header="mean\nms", get=lambda row: row.latency and row.latency.mean_ms, show=milliseconds
        ),
        Column(key="an_image_ms", header="an image\nms", get=an_image_ms, show=milliseconds, spare=1),
        Column(key="relative", header="an image, to\nbatch 1's", get=relative, show=digits(2), spare=2),
        paper("v100_ms"),
        paper("a100_ms"),
        *(column for column in settled if column.key == "failures"),
    )
    left = [size for size in papers if size not in {m.batch_size for m in measurements}]
    notes: list[str] = [Note("Not the paper's hardware here.", *(c.key for c in columns if c.published))]
    if left:
        notes.append(f"Not measured: {counted(len(left), 'batch size')} of the paper's, {', '.join(map(str, left))}.")
    return Table(
        rows=tuple(measurements), columns=columns, notes=tuple(notes), title=title, subtitle=shared, name=title
    )


def _series(measurement: Measurement) -> tuple[object, ...]:
    """What the points of one sweep have in common."""
    m = measurement
    return m.name, m.artifact.form, m.artifact.image_size, m.device, m.threads
