"""What a person sees of the zoo: its networks, and one of them stage by stage."""

from collections.abc import Iterable

import msgspec

from models import Complexity, Family, ModelSpec, StageComplexity, family
from results import Published, published
from results.tables.table import Column, Table
from results.tables.words import digits


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A network of the zoo, with what the paper says of it.

    Attributes:
        top1: published ImageNet-1k accuracy in percent; None where the paper gives none.
        published: the paper's figures, as printed there.
    """

    name: str
    family: str
    params: int
    macs: int
    image_size: int
    tables: tuple[str, ...]
    top1: float | None
    published: Published | None
    note: str


class NetworkInfo(msgspec.Struct, frozen=True, kw_only=True):
    """All that `effmod info` tells of one network."""

    network: ModelSpec
    source: Family
    published: Published | None
    complexity: Complexity


def millions(value: int) -> str:
    return f"{value / 1e6:.2f}"


def billions(value: int) -> str:
    return f"{value / 1e9:.3f}"


_FLOPS_NOTE = "¹ multiply-adds, counted as the paper counts its FLOPs."

_LISTED: tuple[Column[Listed], ...] = (
    Column(key="name", header="network", get=lambda row: row.name),
    Column(key="family", header="family", get=lambda row: row.family, detail=True),
    Column(key="image_size", header="image\nsize", spare=2, get=lambda row: row.image_size),
    Column(key="params", header="params\nM", get=lambda row: row.params, show=millions),
    Column(
        key="published_params_m",
        header="paper\nM",
        spare=4,
        get=lambda row: row.published.params_m if row.published else None,
        show=digits(1),
        published=True,
    ),
    Column(key="macs", header="FLOPs\nG ¹", get=lambda row: row.macs, show=billions),
    Column(
        key="published_flops_g",
        header="paper\nG",
        spare=3,
        get=lambda row: row.published.flops_g if row.published else None,
        show=digits(1),
        published=True,
    ),
    Column(key="top1", header="published\ntop-1 %", spare=1, get=lambda row: row.top1, show=digits(1), published=True),
    Column(key="tables", header="tables", get=lambda row: " ".join(row.tables) or None, detail=True),
    Column(key="note", header="note", spare=5, get=lambda row: row.note or None),
)

_STAGES: tuple[Column[StageComplexity], ...] = (
    Column(key="name", header="stage", get=lambda row: row.name),
    Column(key="kind", header="class", get=lambda row: row.kind),
    Column(key="output_shape", header="output", get=lambda row: " x ".join(map(str, row.output_shape))),
    Column(key="params", header="params", get=lambda row: row.params, show=lambda v: f"{v:,}"),
    Column(key="macs", header="FLOPs, M ¹", get=lambda row: row.macs, show=lambda v: f"{v / 1e6:.2f}"),
)


def listed(spec: ModelSpec) -> Listed:
    """A row of the zoo beside the paper's figures."""
    paper = published().get(spec.name)
    return Listed(
        name=spec.name,
        family=spec.family,
        params=spec.params,
        macs=spec.macs,
        image_size=spec.image_size,
        tables=spec.tables,
        top1=paper.top1 if paper else None,
        published=paper,
        note=spec.note,
    )


def list_table(specs: Iterable[ModelSpec]) -> Table[Listed]:
    return Table(rows=tuple(map(listed, specs)), columns=_LISTED, notes=(_FLOPS_NOTE,), name="networks")


def network_info(spec: ModelSpec, complexity: Complexity) -> NetworkInfo:
    return NetworkInfo(network=spec, source=family(spec), published=published().get(spec.name), complexity=complexity)


def stage_table(complexity: Complexity) -> Table[StageComplexity]:
    size = complexity.image_size
    return Table(
        rows=complexity.stages,
        columns=_STAGES,
        title=f"One image of {size}x{size}: {complexity.params:,} parameters, {complexity.macs / 1e9:.3f} G FLOPs ¹",
        notes=(_FLOPS_NOTE,),
        name="stages",
    )


def describe(spec: ModelSpec) -> list[str]:
    """Where a network comes from, and what was published of it, in lines."""
    source = family(spec)
    lines = [f"{spec.name}: {source.title}" + (f" (arXiv {source.arxiv})" if source.arxiv else "")]
    if source.repository:
        lines.append(f"  repository: {source.repository} (licence: {source.licence or 'none stated'})")
    if spec.tables:
        lines.append(f"  in the EfficientMod paper's tables {', '.join(spec.tables)}")
    if spec.figures:
        lines.append(f"  in its figures {', '.join(spec.figures)}")
    paper = published().get(spec.name)
    if paper and paper.top1 is not None and paper.top1 != paper.top1_strong:
        lines.append(f"  published top-1: {paper.top1} %, as the paper states it")
    if paper and paper.top1_strong is not None:
        lines.append(f"  published top-1: {paper.top1_strong} % with distillation or training-time re-parameterization")
    if spec.note:
        lines.append(f"  note: {spec.note}")
    if spec.elsewhere:
        lines.append(f"  at other sizes than {spec.image_size}x{spec.image_size}: {spec.elsewhere}")
    return lines
