"""Tables 7 and 11 of the paper: detectors and segmenters, our figures beside its own."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from results.published import Downstream, downstream
from results.statistics.downstream import (
    MASK_RCNN,
    PAPER_HARDWARE,
    SEMANTIC_FPN,
    Comparable,
    Setting,
    backbone_of,
    beside_paper,
    paper_of,
    setting_of,
)
from results.statistics.reproduction import Reproduced
from results.statistics.summary import Measurement
from results.tables.columns import of_measurement
from results.tables.measurements import last_notes, settle_measurements
from results.tables.published import published_columns
from results.tables.reproductions import agreement_notes
from results.tables.table import Cell, Column, Note, Table
from results.tables.words import digits

_HEADS = {MASK_RCNN: "Mask R-CNN", SEMANTIC_FPN: "Semantic FPN"}
_PUBLISHED = "table7_table11_downstream"
# Columns of measurements in whose place stand others here.
_REPLACED = (
    "published_top1",
    "top1",
    "top1_low",
    "top1_high",
    "params",
    "macs",
    "published_cpu_e5_2680_4t_ms",
    "paper_ratio",
)
# Those that are shown, beside the facts in which rows differ, and when they go; the others are for programs.
_SHOWN = {"mean_ms": 0, "p50_ms": 8, "nms_ms": 4, "paste_ms": 4, "warnings": 9, "failures": 2}
# What tells rows apart is said by columns of our own.
_SAID = ("name", "form", "image_size", "inputs", "sha256")


def downstream_table(measurements: Sequence[Measurement]) -> Table[Reproduced]:
    """The paper's Tables 7 and 11 from measurements of `mask_rcnn:...` and `semantic_fpn:...`.

    Rows are ranked, and their order set beside the paper's, among those of one head, image size and mode.
    """
    found = beside_paper(measurements)
    rows = tuple(row for each in found for row in each.rows)
    own = [row.measurement for row in rows]
    settled, shared = settle_measurements(own)
    columns = [_as_here(column) for column in settled if column.key not in _REPLACED]
    after = next(i for i, column in enumerate(columns) if column.key == "p50_ms") + 1
    columns[after:after] = _LATENCIES
    # The paper's accuracies at other overlaps, for programs and -v.
    accuracies = published_columns(_PUBLISHED, lambda row: backbone_of(row.measurement), shown=())
    settled_keys = {column.key for column in (*_NETWORKS, *columns, *_ACCURACIES)}
    columns = [*_NETWORKS, *columns, *_ACCURACIES, *(each for each in accuracies if each.key not in settled_keys)]
    notes = _notes(found)
    others = [m.name for m in measurements if setting_of(m) is None]
    if others:
        notes.append(f"Neither detector nor segmenter, and left out: {', '.join(dict.fromkeys(others))}.")
    return Table(
        rows=rows,
        columns=tuple(columns),
        notes=(*notes, *last_notes(own)),
        title="The paper's Tables 7 and 11: detectors and segmenters",
        subtitle=shared,
        name="table-7-11",
    )


def _as_here(column: Column[Any]) -> Column[Reproduced]:
    """A column of measurements as it stands in this table."""
    of_row = of_measurement(column, details=())
    if column.key in _SAID:
        return msgspec.structs.replace(of_row, detail=True, fact=False)
    if column.key in _SHOWN:
        return msgspec.structs.replace(of_row, spare=_SHOWN[column.key])
    return of_row if column.fact else msgspec.structs.replace(of_row, detail=True)


def _setting(row: Reproduced) -> Setting:
    setting = setting_of(row.measurement)
    assert setting is not None  # or it would be no row
    return setting


def _fact(key: str, header: str, get: Callable[[Setting], Cell]) -> Column[Reproduced]:
    return Column(key=key, header=header, get=lambda row: get(_setting(row)), fact=True)


def _published(
    key: str, header: str, get: Callable[[Downstream], float | None], *, head: str, spare: int
) -> Column[Reproduced]:
    """A figure of the paper's, of rows of one head."""

    def value(row: Reproduced) -> float | None:
        paper = paper_of(row.measurement)
        return get(paper) if paper is not None and _setting(row).head == head else None

    return Column(key=key, header=header, get=value, show=digits(1), published=True, spare=spare)


def _paper_params(row: Reproduced) -> float | None:
    paper = paper_of(row.measurement)
    return None if paper is None else getattr(paper, f"{_setting(row).head}_params_m")


def _without_attention(row: Reproduced) -> int | None:
    artifact = row.measurement.artifact
    if artifact.macs is None or artifact.attention_macs is None:
        return None
    return artifact.macs - artifact.attention_macs


def _millions(value: float) -> str:
    return f"{value / 1e6:.2f}"


def _billions(value: float) -> str:
    return f"{value / 1e9:.1f}"


_NETWORKS: tuple[Column[Reproduced], ...] = (
    Column(key="backbone", header="backbone", get=lambda row: backbone_of(row.measurement)),
    _fact("head", "head", lambda setting: _HEADS[setting.head]),
    _fact("image", "image", lambda setting: setting.size),
    _fact("mode_of_head", "mode", lambda setting: setting.mode),
    Column(key="params", header="params\nM", get=lambda row: row.measurement.artifact.params, show=_millions, spare=5),
    Column(
        key="published_params_m",
        header="paper's\nM",
        get=_paper_params,
        show=digits(1),
        published=True,
        spare=6,
    ),
    Column(key="macs", header="FLOPs\nG ¹", get=lambda row: row.measurement.artifact.macs, show=_billions, spare=7),
    Column(
        key="macs_without_attention",
        header="without\nattention",
        get=_without_attention,
        show=_billions,
        spare=8,
    ),
    _published("published_flops_g", "paper's\nG", lambda p: p.semantic_fpn_flops_g, head=SEMANTIC_FPN, spare=8),
)
_LATENCIES: tuple[Column[Reproduced], ...] = (
    Column(
        key="published_a100_ms",
        header=f"paper's\n{PAPER_HARDWARE} ms",
        get=lambda row: row.paper_ms.get(PAPER_HARDWARE),
        show=digits(1),
        published=True,
        spare=1,
    ),
    Column(key="paper_ratio", header="ours /\npaper's ³", get=lambda row: row.ratio, show=digits(2), spare=2),
    Column(key="rank", header="our\nrank", get=lambda row: row.rank, spare=3),
    Column(key="paper_rank", header="paper's\nrank", get=lambda row: row.paper_rank, published=True, spare=3),
)
_ACCURACIES = (
    _published("published_ap_box", "paper's\nAP box", lambda p: p.ap_box, head=MASK_RCNN, spare=9),
    _published("published_ap_mask", "paper's\nAP mask", lambda p: p.ap_mask, head=MASK_RCNN, spare=9),
    _published("published_miou", "paper's\nmIoU", lambda p: p.miou, head=SEMANTIC_FPN, spare=9),
)


def _notes(found: Sequence[Comparable]) -> list[str]:
    notes = ["¹ multiply-adds, counted as the paper counts them for networks: with the products of attention."]
    settings = [each.setting for each in found]
    if any(row.ratio for each in found for row in each.rows):
        note = f"³ our mean over the paper's, in PyTorch on an {PAPER_HARDWARE}. Not the paper's hardware here."
        notes.append(Note(note, "published_a100_ms", "paper_ratio"))
    for each in found:
        setting = _in_words(each.setting)
        notes += agreement_notes(
            each.agreements,
            lambda agreed, setting=setting: f"{agreed.networks} backbones in {setting}",  # type: ignore[misc]
            PAPER_HARDWARE,
        )
    if any(setting.mode for setting in settings):
        notes.append(
            Note(
                "dummy: every layer on 1000 drawn boxes and 100 masks, without NMS and pasting, as mmdet's "
                "forward_dummy, which the paper most likely timed; full: a detection, with both.",
                "mode_of_head",
            )
        )
    if any(setting.head == SEMANTIC_FPN for setting in settings):
        notes.append(
            Note(
                "The paper's FLOPs count the products of attention for the two PVTs, and not for EfficientMod-s and "
                "EfficientFormerV2-S2; those of ResNet-18 are of a stem of three convolutions, which timm's has not.",
                "published_flops_g",
            )
        )
    lacking = [
        backbone_of(row.measurement)
        for each in found
        if each.setting.head == SEMANTIC_FPN
        for row in each.rows
        if (paper := paper_of(row.measurement)) and paper.semantic_fpn_a100_512x512_ms is None
    ]
    if lacking:
        note = f"The paper has no latency of Semantic FPN on {', '.join(dict.fromkeys(lacking))}."
        notes.append(Note(note, "published_a100_ms", "paper_ratio"))
    missing: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in found:
        measured = {backbone_of(row.measurement) for row in each.rows}
        missing[tuple(name for name in downstream() if name not in measured)].append(_in_words(each.setting))
    notes += [f"Not measured in {'; '.join(where)}: {', '.join(names)}." for names, where in missing.items() if names]
    return notes


def _in_words(setting: Setting) -> str:
    """Such as "Mask R-CNN at 512x512, full"."""
    return f"{_HEADS[setting.head]} at {setting.size}" + (f", {setting.mode}" if setting.mode else "")
