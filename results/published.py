"""The paper's own numbers, by network. They are what its authors measured; none of them is ours."""

import csv
import functools
import importlib.resources

import msgspec

from results.records.artifact import EQUAL_FORMS, TimedArtifact

PAPER_CPU = "Xeon E5-2680, 4 threads"
PAPER_GPU = "P100"
PAPER_RUNS = 4000  # that each of its CPU latencies is the mean of


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One network's figures in "Efficient Modulation for Vision Networks".

    Attributes:
        image_size: side of the images; 224 where the table does not say.
        top1: ImageNet-1k accuracy in percent, without distillation or training-time re-parameterization
            where the paper has such a figure, as the first table that states one.
        top1_strong: with them (grey in Table 1; of EfficientMod, which has none there, in Table 3).
        params_m: millions of parameters.
        flops_g: billions of multiply-adds.
        cpu_e5_2680_4t_ms: mean of 4000 ONNX inferences at batch 1 on the CPU of `PAPER_CPU`.
        gpu_p100_ms: the same on one P100.
        iphone13_ms: of Core ML on an iPhone 13 (Table 12).
        a100_ms, v100_ms, t4_ms, p100_ms: mean of three tests of 500 ONNX inferences at batch 1 on this GPU (Table 10).
    """

    name: str
    image_size: int = 224
    paper_name: str | None = None
    top1: float | None = None
    top1_strong: float | None = None
    params_m: float | None = None
    flops_g: float | None = None
    cpu_e5_2680_4t_ms: float | None = None
    gpu_p100_ms: float | None = None
    iphone13_ms: float | None = None
    a100_ms: float | None = None
    v100_ms: float | None = None
    t4_ms: float | None = None
    p100_ms: float | None = None


class Downstream(msgspec.Struct, frozen=True, kw_only=True):
    """One backbone's figures in Tables 7 and 11, in Mask R-CNN and in Semantic FPN.

    Attributes:
        mask_rcnn_params_m, semantic_fpn_params_m: millions of parameters.
        semantic_fpn_flops_g: billions of multiply-adds at 512x512, of which the rows count other operators.
        ap_box, ap_mask: on COCO, in percent; so are those at an overlap of 50 and of 75 %.
        miou: on ADE20K, in percent.
        mask_rcnn_a100_512x512_ms, mask_rcnn_a100_1333x800_ms, semantic_fpn_a100_512x512_ms: of one image, in PyTorch,
            on an A100.
    """

    name: str
    mask_rcnn_params_m: float
    ap_box: float
    ap_box50: float
    ap_box75: float
    ap_mask: float
    ap_mask50: float
    ap_mask75: float
    mask_rcnn_a100_512x512_ms: float
    mask_rcnn_a100_1333x800_ms: float
    semantic_fpn_params_m: float
    semantic_fpn_flops_g: float
    miou: float
    semantic_fpn_a100_512x512_ms: float | None = None


# Where several tables state a figure, the first of these to do so gives it.
_TABLES = (
    "table1",
    "table2",
    "table4_modulation",
    "table6_mbconv",
    "appendix_l",
    "table5_context_ablation",
    "table12_iphone13",
    "table10_gpus",
    "table3_table9_distillation",
)
# What a table calls otherwise.
_SAME = {"top1_distilled": "top1_strong"}
# Where no table says, and the figures hold at another size than 224: TinyNet's paper (arXiv 2010.14819), Table 7.
_IMAGE_SIZES = {"ghostnet_a": "240"}


@functools.cache
def published() -> dict[str, Published]:
    """Every network of the paper's tables, by its name in the zoo."""
    merged: dict[str, dict[str, str]] = {}
    for table in _TABLES:
        for row in read_table(table):
            known = merged.setdefault(row["name"], {})
            for key, value in row.items():
                if value:
                    known.setdefault(_SAME.get(key, key), value)
    for name, image_size in _IMAGE_SIZES.items():
        merged[name]["image_size"] = image_size
    return {name: msgspec.convert(row, Published, strict=False) for name, row in merged.items()}


def figures_of(name: str, artifact: TimedArtifact | None) -> Published | None:
    """The paper's figures of a network; None where it has none, or none of this artifact: another form, other images.

    Args:
        artifact: None where nothing but the network is known.
    """
    paper = published().get(name)
    if paper and artifact and (artifact.form not in EQUAL_FORMS or artifact.image_size != paper.image_size):
        return None
    return paper


@functools.cache
def downstream() -> dict[str, Downstream]:
    """Every backbone of Tables 7 and 11, by its name in the zoo, in their order."""
    rows = ({key: value for key, value in row.items() if value} for row in read_table("table7_table11_downstream"))
    return {row["name"]: msgspec.convert(row, Downstream, strict=False) for row in rows}


def read_table(table: str) -> list[dict[str, str]]:
    """The rows of one CSV under `results/published`, an empty cell as an empty string."""
    with importlib.resources.files("results").joinpath("published", f"{table}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
