"""The table of what was measured."""

import functools
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Any

import msgspec

from results.published import PAPER_CPU, PAPER_RUNS
from results.records.artifact import TimedArtifact
from results.records.words import mode_in_words
from results.statistics.latency import FEWEST_RUNS
from results.statistics.summary import Measurement
from results.tables.accuracy import ACCURACY_COLUMNS, PUBLISHED_TOP1, accuracy_notes, checkpoint_notes, settle_accuracy
from results.tables.arguments import with_arguments
from results.tables.columns import (
    MACHINE_DETAILS,
    core_columns,
    hash_column,
    machine_details,
    runtime_column,
)
from results.tables.fed import differently_fed, fed_column, fed_notes
from results.tables.protocol import MEASUREMENT_PROTOCOL
from results.tables.remarks import of_measurement, remark_columns, remark_notes
from results.tables.subnormals import subnormal_columns, subnormal_notes
from results.tables.table import (
    Cell,
    Column,
    Note,
    Shared,
    Table,
    differing,
    in_common,
    main_columns,
    settle,
    told_apart_by,
)
from results.tables.words import counted, digits, look_alike, milliseconds, span_in_words


def _of_latency(
    name: str,
    header: str,
    *,
    show: Callable[[Any], str] = milliseconds,
    detail: bool = False,
    spare: int = 0,
    shared: Shared | None = None,
) -> Column[Measurement]:
    """A field of `Latency`."""
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.latency, name) if row.latency else None,
        show=show,
        detail=detail,
        spare=spare,
        shared=shared,
    )


def _interval(key: str, header: str, end: int, *, alone: str) -> Column[Measurement]:
    """One end of the interval of a process's median."""

    def get(row: Measurement) -> float | None:
        interval = row.latency and row.latency.process_p50_interval_ms
        return interval[end] if interval else None

    return Column(key=key, header=header, get=get, show=milliseconds, alone=f"p50 by round\n{alone} ²")


def _anchored(name: str, header: str, *, alone: str | None = None) -> Column[Measurement]:
    """A figure of the ratio to the anchor; the anchor's own ratio is 1, and has no interval."""

    def get(row: Measurement) -> float | None:
        if row.anchored is None or row.anchored.estimate is None:
            return 1.0 if name == "ratio" and row.anchored and row.anchored.anchor == row.artifact else None
        value: float = getattr(row.anchored.estimate, name)
        return value

    return Column(
        key=f"anchor_{name}", header=header, get=get, show=digits(3), alone=alone and f"time / anchor's\n{alone} ⁴"
    )


def _part(name: str, header: str) -> Column[Measurement]:
    """What a part of an inference takes, of those whose parts stand apart."""
    return Column(key=f"{name}_ms", header=header, get=lambda row: row.parts_ms.get(name), show=milliseconds, spare=4)


def _names_alike(key: str, get: Callable[[Measurement], Sequence[str]], *, alone: str) -> Column[Measurement]:
    """The mark of a row that cannot be told from its neighbours by the interval that stands before it."""
    return Column(key=key, header="", get=lambda row: ", ".join(get(row)) or None, show=lambda _: "≈", alone=alone)


def _fact(
    key: str,
    header: str,
    get: Callable[[Measurement], Cell],
    *,
    words: Callable[[Any], str] | None = None,
    place: int = 0,
) -> Column[Measurement]:
    """What rows usually share: said above the table in these words, at this place; a column where they differ."""
    return Column(key=key, header=header, get=get, detail=True, fact=True, shared=Shared(words=words, place=place))


def _detail(key: str, header: str, get: Callable[[Measurement], Cell]) -> Column[Measurement]:
    """What makes a row another one, and is shown only where nothing else tells it apart."""
    return Column(key=key, header=header, get=get, detail=True, fact=True)


def _versions(differing: Container[str] = ()) -> Column[Measurement]:
    """The versions of the machine's software: all for programs, for people those of these names where there are any."""
    column = _fact("versions", "versions", lambda row: _listed(row.machine.versions))
    if not differing:
        return column

    def told(row: Measurement) -> str:
        return _listed({name: version for name, version in row.machine.versions.items() if name in differing}) or ""

    return msgspec.structs.replace(column, show=lambda _: "", mark=told)


def _fed(differing: Collection[str] = ()) -> Column[Measurement]:
    return fed_column(lambda row: row.artifact, differing=differing)


def _listed(versions: Mapping[str, str]) -> str | None:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or None


def _inputs(artifact: TimedArtifact) -> str | None:
    """Such as "input 1x3x224x224 float"; a scalar has no shape."""
    words = [(one.name, "x".join(map(str, one.shape)), one.dtype) for one in artifact.inputs]
    return ", ".join(" ".join(filter(None, each)) for each in words) or None


def _device(row: Measurement) -> str:
    """As it was asked for: such as "cuda:1" for the second GPU."""
    index = row.options.device_index
    return f"{row.device}:{index}" if index else str(row.device)


# What is shown only where nothing else tells rows apart, beside their hashes.
_DETAILS = {"node", "format", "source", "inputs", "fed", "gpu_versions", *MACHINE_DETAILS}

MEASUREMENT_COLUMNS: tuple[Column[Measurement], ...] = (
    Column(key="name", header="network", get=lambda row: row.name, mark=lambda row: of_measurement(row).marks),
    _fact("place", "place", lambda row: row.place, words=str, place=0),
    _detail("kind", "kind", lambda row: row.kind),
    _detail("node", "node", lambda row: row.node),
    _fact("form", "form", lambda row: row.artifact.form, words="{} form".format, place=9),
    hash_column(lambda row: row.artifact.sha256, fact=True),
    *ACCURACY_COLUMNS,
    Column(
        key="params", header="params\nM", spare=6, get=lambda row: row.artifact.params, show=lambda v: f"{v / 1e6:.1f}"
    ),
    Column(
        key="macs", header="FLOPs\nG ¹", spare=5, get=lambda row: row.artifact.macs, show=lambda v: f"{v / 1e9:.2f}"
    ),
    _fact("image_size", "image\nsize", lambda row: row.artifact.image_size, words="{} px".format, place=8),
    _fact("opset", "opset", lambda row: row.artifact.opset),
    _fact("specification_version", "spec", lambda row: row.artifact.specification_version),
    _detail("format", "format", lambda row: row.artifact.format),
    _detail("source", "source", lambda row: str(row.artifact.source)),
    _detail("inputs", "inputs", lambda row: _inputs(row.artifact)),
    _fact("device", "device", _device),
    runtime_column(lambda row: row.options.runtime, place=3),
    _fact(
        "compute_units",
        "compute\nunits",
        lambda row: row.options.compute_units,
        words="compute units: {}".format,
        place=4,
    ),
    _fact("mode", "mode", lambda row: mode_in_words(row.options), words=str, place=5),
    _fact("threads", "threads", lambda row: row.threads, words=lambda n: counted(n, "thread"), place=6),
    _fact("batch_size", "batch", lambda row: row.batch_size, words="batch {}".format, place=7),
    _fact("warmup_runs", "warm-up\nruns", lambda row: row.warmup_runs),
    _of_latency(
        "runs",
        "runs",
        show=str,
        detail=True,
        spare=7,
        shared=Shared(words=lambda n: counted(n, "timed run"), place=10),
    ),
    _of_latency(
        "rounds",
        "rounds",
        show=str,
        detail=True,
        spare=7,
        shared=Shared(words=lambda n: counted(n, "round"), place=11),
    ),
    _of_latency("mean_ms", "mean\nms", spare=3),
    _of_latency("std_ms", "std\nms", detail=True),
    _of_latency("min_ms", "min\nms", detail=True),
    _of_latency("p50_ms", "p50\nms", spare=1),
    _of_latency("p90_ms", "p90\nms", detail=True),
    _of_latency("p95_ms", "p95\nms", spare=8),
    _of_latency("p99_ms", "p99\nms", spare=2),
    _of_latency("max_ms", "max\nms", detail=True),
    Column(key="gpu_p50_ms", header="GPU p50\nms ⁵", get=lambda row: row.gpu_p50_ms, show=milliseconds, spare=7),
    _part("nms", "NMS\nms ⁹"),
    _part("paste", "paste\nms ⁹"),
    _of_latency("run_spread", "runs\nspread ²", show="{:.0%}".format, spare=4),
    _of_latency("round_spread", "rounds\nspread ²", show="{:.0%}".format, spare=3),
    Column(
        key="feed_spread", header="inputs\nspread ²", get=lambda row: row.feed_spread, show="{:.0%}".format, spare=3
    ),
    _of_latency("process_p50_ms", "p50 by\nround ²"),
    _interval("process_p50_low_ms", "95 %\nfrom", 0, alone="95 % from"),
    _interval("process_p50_high_ms", "\nto", 1, alone="95 % to"),
    _names_alike("indistinct_from", lambda row: row.indistinct_from, alone="order\nunknown"),
    _anchored("ratio", "time /\nanchor's ⁴"),
    _anchored("low", "95 %\nfrom", alone="95 % from"),
    _anchored("high", "\nto", alone="95 % to"),
    _names_alike(
        "anchor_indistinct_from",
        lambda row: row.anchored.indistinct_from if row.anchored else (),
        alone="anchor's order\nunknown",
    ),
    Column(
        key="anchor",
        header="anchor",
        get=lambda row: row.anchored and row.anchored.anchor.name,
        detail=True,
        spare=7,
        shared=Shared(),
    ),
    hash_column(lambda row: row.anchored and row.anchored.anchor.sha256, key="anchor_sha256", header="anchor\nsha256"),
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
    _fed(),
    *subnormal_columns(lambda row: row.subnormals),
    *remark_columns(of_measurement),
    Column(
        key="fed_ms",
        header="as fed\nms",
        get=lambda row: row.input_dependence and row.input_dependence.fed_ms,
        show=milliseconds,
        spare=6,
    ),
    Column(
        key="other_ms",
        header="other\ninput ms",
        get=lambda row: row.input_dependence and row.input_dependence.other_ms,
        show=milliseconds,
        spare=5,
    ),
    _fact("weights", "weights", lambda row: row.artifact.weights),
    _fact("cpu_model", "CPU", lambda row: row.machine.cpu_model, words=str, place=2),
    _fact("gpu", "GPU", lambda row: row.gpu, words=str, place=1),
    _fact("gpu_driver", "driver", lambda row: row.gpu_driver),
    _fact("os", "system", lambda row: row.machine.os),
    _fact("available_cores", "available\ncores", lambda row: row.machine.available_cores),
    *core_columns(lambda row: row.machine),
    _versions(),
    _detail("gpu_versions", "GPU libraries", lambda row: _listed(row.machine.gpu_versions)),
    *machine_details(lambda row: row.machine),
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
    *MEASUREMENT_PROTOCOL,
)


# What tells rounds apart.
_OF_ROUNDS = (
    "run_spread",
    "round_spread",
    "feed_spread",
    "process_p50_ms",
    "process_p50_low_ms",
    "process_p50_high_ms",
)


def measurement_table(measurements: Sequence[Measurement]) -> Table[Measurement]:
    """The table of what was measured, beside what the paper published.

    What all rows share is said above it; where rows differ in it, it is a column.
    """
    columns, title = settle_measurements(measurements)
    notes = first_notes(measurements, {column.key for column in main_columns(columns, measurements)})
    if any(m.latency and m.latency.p99_ms is None for m in measurements):
        notes.append(
            Note(
                f"p95 is told of {FEWEST_RUNS[95]} timed runs or more, p99 of {FEWEST_RUNS[99]} (MLPerf's early "
                "stopping).",
                "p95_ms",
                "p99_ms",
            )
        )
    if any(m.paper_ratio for m in measurements):
        notes.append(f"³ published: mean of {PAPER_RUNS} runs on a {PAPER_CPU}. Not the paper's hardware here.")
    notes += last_notes(measurements)
    return Table(rows=tuple(measurements), columns=columns, notes=tuple(notes), title=title, name="measurements")


def settle_measurements(measurements: Sequence[Measurement]) -> tuple[tuple[Column[Measurement], ...], str | None]:
    """The columns that these need, and what all of them share in words: that is none of the columns for people."""
    versions = [m.machine.versions for m in measurements]
    names = {name for each in versions for name in each if len({other.get(name) for other in versions}) > 1}
    of_these = {"versions": _versions(names), "fed": _fed(differently_fed(m.artifact for m in measurements))}
    columns = [of_these.get(column.key, column) for column in MEASUREMENT_COLUMNS]
    columns = settle_accuracy(columns, measurements)
    columns = with_arguments(columns, [m.name for m in measurements], lambda row: row.name)
    seen = [m for m in measurements if m.machine.is_seen] or measurements
    telling = differing(columns, seen)
    telling |= differing([column for column in columns if column.key == "place"], measurements)
    if all(m.machine.affinity is not None for m in measurements):
        telling.discard("available_cores")  # which ones says how many, too
    telling |= told_apart_by(columns, measurements, telling=telling, details=_DETAILS)
    if any(m.batch_size > 1 for m in measurements):
        telling.add("images_per_second")
    if look_alike(m.artifact for m in measurements):
        telling.add("sha256")
    settled = settle(columns, measurements, telling=telling)
    return settled, in_common(settled, seen)


def first_notes(measurements: Sequence[Measurement], shown: Collection[str]) -> list[str]:
    """What stands first under a table, of whose columns those for people are shown."""
    notes = []
    if any(m.artifact.macs for m in measurements):
        notes.append("¹ multiply-adds, counted as the paper counts its FLOPs.")
    if "top1" in shown:
        notes += accuracy_notes(measurements)
    if {"top1", PUBLISHED_TOP1} & {*shown}:
        notes += checkpoint_notes(measurements)
    if timed := [m for m in measurements if m.latency]:
        words = functools.partial(_by_round, timed)
        notes.append(Note(words(shown) or words(_OF_ROUNDS), *_OF_ROUNDS, words=words))
    if any(m.lacks_papers_form for m in measurements):
        notes.append(
            "The paper timed the plain form: 'effmod bench --rewrite none' does so too, and shows its latencies beside "
            "ours."
        )
    if any(m.indistinct_from or (m.anchored and m.anchored.indistinct_from) for m in measurements):
        notes.append(
            "≈ its interval overlaps with that of the next faster or slower network: the order of the two is not "
            "known. 'effmod compare A B' tells them apart."
        )
    return notes


def _by_round(measurements: Sequence[Measurement], shown: Collection[str]) -> str:
    """What the columns mean that tell rounds apart; "" where none is shown."""
    spreads = {
        "run_spread": "runs spread: how wide the middle half of its runs is",
        "round_spread": "rounds spread: how far the medians of rounds lie apart",
        "feed_spread": "inputs spread: how far those of the inputs that were taken in turn do",
    }
    found = [words for key, words in spreads.items() if key in shown]
    sentences = ["² a round is a fresh process."]
    if found:
        text = (
            "; ".join(found)
            + ("; both" if len(found) == 2 else "; all" if len(found) > 2 else ",")
            + " relative to the median."
        )
        sentences.append(text[0].upper() + text[1:])
    of_median = [key for key in shown if key.startswith("process_p50")]
    if of_median:
        medians = "these medians" if "round_spread" in shown else "the medians of rounds"
        interval = ", with its 95 % interval" if of_median != ["process_p50_ms"] else ""
        times = [m.measured_s for m in measurements if m.measured_s is not None]
        if interval and times:
            interval += f", which speaks for {span_in_words(times, 'they', 0)}"
        sentences.append(f"p50 by round: the mean of {medians}{interval}.")
    return " ".join(sentences) if len(sentences) > 1 else ""


def last_notes(measurements: Sequence[Measurement]) -> list[str]:
    """What stands last under a table."""
    anchors = dict.fromkeys(
        f"{m.anchored.anchor.name} ({m.anchored.anchor.form or 'a file'}, sha256 {m.anchored.anchor.sha256[:12]})"
        for m in measurements
        if m.anchored
    )
    times = [m.anchored.measured_s for m in measurements if m.anchored and m.anchored.measured_s is not None]
    learnt = max((m.anchored.earlier_runs for m in measurements if m.anchored), default=0)
    speaks_for = f" It speaks for {span_in_words(times, 'they', learnt)}." if times else ""
    notes = [
        f"⁴ its time over that of {anchor}, both in one process, in turn, with its 95 % interval: what slows the "
        f"machine down for a while slows both.{speaks_for}"
        for anchor in anchors
    ]
    if any(m.gpu_p50_ms for m in measurements):
        notes.append(
            "⁵ by CUDA events, of as many inferences more: from the GPU's first work to its last, with the gaps in "
            "which it waits for the host to send more, without the host's own start and wait."
        )
    if any(m.parts_ms for m in measurements):
        notes.append(
            "⁹ within an inference, the median: NMS of the proposals and of the boxes, with the sorting and clipping "
            "around it; and pasting the masks into the image. Random weights leave more boxes to it than trained ones."
        )
    notes += fed_notes(m.artifact for m in measurements)
    notes += subnormal_notes((m.artifact, m.subnormals) for m in measurements)
    notes += remark_notes(map(of_measurement, measurements))
    return notes
