"""Every row of the zoo: it is the paper's network, its figures are right, and its filling is fit for comparisons."""

import copy
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

import models
import results
from models import ImageSizeError, ModelSpec, Preprocessing
from models.zoo.images import natural_images
from tests.models.recount import recount, rewrite, without_values

PUBLISHED = Path(results.__file__).with_name("published")
# The tables that a file of published figures holds, as `ModelSpec.tables` names them.
TABLES = {
    "table1.csv": ("1",),
    "table2.csv": ("2",),
    "table3_table9_distillation.csv": ("3", "9"),
    "table4_modulation.csv": ("4",),
    "table5_context_ablation.csv": ("5",),
    "table6_mbconv.csv": ("6",),
    "table7_table11_downstream.csv": ("7", "11"),
    "table10_gpus.csv": ("10",),
    "table12_iphone13.csv": ("12",),
    "appendix_l.csv": ("L",),
}
# Figures of the paper that no count gives; the word stands in the row's note.
EXCEPTIONS = {
    ("deit_tiny", "flops_g"): "copied",
    ("ghostnetv2_160", "params_m"): "truncated",
    ("resnet18", "params_m"): "copied",
}

ZOO = models.list_models()
ONE_A_FAMILY = list({spec.family: spec for spec in reversed(ZOO)}.values())
FIGURE_8 = [spec.name for spec in ZOO if "8" in spec.figures]


class Figure(NamedTuple):
    """A number of the paper: which network, which column, its value as printed."""

    file: str
    name: str
    column: str
    value: str

    @property
    def decimals(self) -> int:
        return len(self.value.partition(".")[2])

    def of(self, spec: ModelSpec) -> float:
        """The same number of ours, at the paper's rounding."""
        count = {"params_m": spec.params / 1e6, "flops_g": spec.macs / 1e9}[self.column]
        return round(count, self.decimals)


def published_rows() -> Iterator[tuple[str, dict[str, str]]]:
    for file in TABLES:
        with (PUBLISHED / file).open(newline="") as lines:
            yield from ((file, row) for row in csv.DictReader(lines))


FIGURES = [
    Figure(file, row["name"], column, row[column])
    for file, row in published_rows()
    for column in ("params_m", "flops_g")
    if row.get(column)
]


def each(specs: list[ModelSpec]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", specs, ids=lambda spec: spec.name)


class TestThePapersNetworks:
    @pytest.mark.parametrize("file", TABLES)
    def test_every_network_of_a_table_is_in_the_zoo_and_says_so(self, file: str) -> None:
        for table in TABLES[file]:
            published = {row["name"] for origin, row in published_rows() if origin == file}
            assert {spec.name for spec in models.list_models(table=table)} == published

    def test_every_network_stands_in_a_table_or_a_figure(self) -> None:
        assert [spec.name for spec in ZOO if not spec.tables and not spec.figures] == []

    def test_figure_8_is_of_the_five_networks_of_10_to_15_m_parameters(self) -> None:
        names = {"efficientmod_s", "efficientmod_s_conv", "mobileformer_508m", "mobilevitv2_150"}
        assert set(FIGURE_8) == names | {"efficientformerv2_s2"}
        assert all(10e6 < models.find_model(name).params < 15e6 for name in FIGURE_8)

    @pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f"{f.file.removesuffix('.csv')}-{f.name}-{f.column}")
    def test_params_and_macs_are_the_papers_at_its_rounding(self, figure: Figure) -> None:
        spec = models.find_model(figure.name)
        reason = EXCEPTIONS.get((figure.name, figure.column))
        if reason is None:
            assert figure.of(spec) == float(figure.value)
        else:
            assert figure.of(spec) != float(figure.value), "no exception any more"
            assert reason in spec.note

    def test_the_exceptions_are_networks_of_the_paper(self) -> None:
        assert set(EXCEPTIONS) <= {(figure.name, figure.column) for figure in FIGURES}

    def test_what_the_paper_leaves_open_is_labelled(self) -> None:
        reconstructed = {spec.name for spec in ZOO if spec.note.startswith("reconstructed")}
        assert reconstructed == {
            "focalnet_4m",
            "efficientmod_s_conv_mlp",
            "efficientmod_hier_6m",
            "efficientmod_iso",
            *(f"efficientmod_s_conv_{part}_only" for part in ("f", "conv", "g")),
            *(f"efficientmod_s_conv_no_{part}" for part in ("f", "g")),
            *(spec.name for spec in models.list_models("mbconv_*")),
            *(spec.name for spec in models.list_models("efficientmod_xxs_conv*")),
        }

    def test_mobile_former_reads_images_as_its_code_does_and_says_where_it_departs_from_it(self) -> None:
        spec = models.find_model("mobileformer_508m")
        assert spec.preprocessing.interpolation == "bilinear"
        assert "reference pools 7x7" in spec.elsewhere

    def test_every_network_says_where_it_comes_from(self) -> None:
        for spec in ZOO:
            family = models.family(spec)
            assert family.title
            assert family.arxiv
            # MBConv's networks were made for the paper's comparison, and never released.
            assert (family.repository and family.licence) or spec.family == "mbconv"


class TestFigures:
    @each(ZOO)
    def test_params_and_macs_are_what_is_counted(self, spec: ModelSpec) -> None:
        complexity = recount(spec)
        counted, stated = (complexity.params, complexity.macs), (spec.params, spec.macs)
        assert counted == stated, "run 'python -m tests.models.recount' if the change is meant"

    def test_recounting_rewrites_one_row_and_nothing_else(self) -> None:
        zoo = Path(models.__file__).with_name("zoo.json").read_text()
        spec = models.find_model("efficientmod_xxs_conv")
        complexity = msgspec.structs.replace(models.count(torch.nn.ReLU(), 8), params=12, macs=34)
        before, after = zoo.splitlines(), rewrite(zoo, spec, complexity).splitlines()
        changed = [(a.strip(), b.strip()) for a, b in zip(before, after, strict=True) if a != b]
        assert changed == [
            (f'"params": {spec.params},', '"params": 12,'),
            (f'"macs": {spec.macs},', '"macs": 34,'),
        ]


def run(spec: ModelSpec, image_size: int) -> Tensor:
    """The network's output for one image, as a shape alone."""
    model = without_values(spec, image_size).eval()
    with torch.inference_mode():
        logits: Tensor = model(torch.empty(1, 3, image_size, image_size, device="meta"))
    return logits


class TestImageSizes:
    @each(ZOO)
    def test_the_smallest_size_and_the_next_ones_run(self, spec: ModelSpec) -> None:
        step = spec.size_multiple
        smallest = -(-spec.min_size // step) * step
        for size in (smallest, smallest + step, spec.image_size + step):
            models.check_image_size(spec, size)
            assert run(spec, size).shape == (1, models.classes_of(spec))

    @each(ZOO)
    def test_smaller_sizes_are_refused(self, spec: ModelSpec) -> None:
        with pytest.raises(ImageSizeError, match=f"{spec.name} takes square images"):
            models.create_model(spec.name, image_size=spec.min_size - 1)

    @pytest.mark.parametrize("size", range(224, 513, 32))
    @pytest.mark.parametrize("name", FIGURE_8)
    def test_the_networks_of_figure_8_run_from_224_to_512(self, name: str, size: int) -> None:
        assert run(models.find_model(name), size).shape == (1, 1000)

    @pytest.mark.parametrize(
        ("name", "macs"),
        [
            ("efficientmod_s", 9.23),
            ("efficientmod_s_conv", 7.72),
            ("efficientformerv2_s2", 7.37),
            ("mobilevitv2_150", 16.36),
            ("mobileformer_508m", 2.95),
        ],
    )
    def test_at_512_they_have_the_macs_that_fvcore_counts(self, name: str, macs: float) -> None:
        model = without_values(models.find_model(name), 512)
        assert models.count(model, 512).macs / 1e9 == pytest.approx(macs, rel=0.006)

    @pytest.mark.parametrize("name", ["efficientformerv2_s2", "mobileformer_508m"])
    def test_a_network_rebuilt_for_a_size_depends_on_its_input_there(self, name: str) -> None:
        spec = models.find_model(name)
        model, _ = models.create_filled(spec, image_size=256)
        assert_fit_for_comparisons(model, images(spec, 256))

    def test_ghostnetv2_fails_below_its_smallest_size(self) -> None:
        spec = models.find_model("ghostnetv2_160")
        model = models.create_model(spec.name).eval()
        with pytest.raises(RuntimeError), torch.inference_mode():
            model(torch.zeros(1, 3, spec.min_size - 1, spec.min_size - 1))


def images(spec: ModelSpec, image_size: int) -> Tensor:
    """Two images of noise, two that look like photographs."""
    noise = np.random.default_rng(7).standard_normal((2, 3, image_size, image_size), dtype=np.float32)
    p = spec.preprocessing
    return torch.from_numpy(
        np.concatenate((noise, natural_images(2, (image_size, image_size), mean=p.mean, std=p.std)))
    )


def assert_fit_for_comparisons(model: torch.nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        logits = model(x)
        exact = copy.deepcopy(model).double()(x.double())
    assert torch.isfinite(logits).all()
    for one, other, found in ((exact[0], exact[1], logits[:2]), (exact[2], exact[3], logits[2:])):
        pair = torch.stack((one, other))
        largest = pair.abs().max()
        assert (one - other).abs().max() > 1e-3 * largest, "the output hardly depends on the image"
        assert (found - pair).abs().max() < 1e-4 * largest, "float32 cannot follow"


class TestFilling:
    @each(ONE_A_FAMILY + models.list_models("efficientmod_xxs_conv_bn*"))
    def test_outputs_are_finite_depend_on_the_image_and_agree_with_float64(self, spec: ModelSpec) -> None:
        model, weights = models.create_filled(spec)
        assert str(weights) == "random(seed 0)"
        assert not model.training
        assert_fit_for_comparisons(model, images(spec, spec.image_size))

    def test_it_depends_on_the_seed_alone(self) -> None:
        spec = models.find_model("mobilenetv2_100")  # BatchNorm, dropout, stochastic depth
        torch.manual_seed(1)
        first = models.create_filled(spec, image_size=64)[0].state_dict()
        torch.manual_seed(2)
        again = models.create_filled(spec, image_size=64)[0].state_dict()
        other = models.create_filled(spec, image_size=64, seed=1)[0].state_dict()
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["conv_head.weight"], other["conv_head.weight"])

    def test_linear_scale_shrinks_linear_layers_and_layer_scale_alone(self) -> None:
        model = models.create_model("efficientmod_xxs")
        models.fill(model, image_size=64)
        full = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        models.fill(model, image_size=64, linear_scale=0.5)
        ratios = {name: (tensor / full[name]).mean().item() for name, tensor in model.state_dict().items()}
        assert ratios["head.weight"] == pytest.approx(0.5)
        assert ratios["layers.0.blocks.0.mlp.fc1.weight"] == pytest.approx(0.5)
        assert ratios["layers.0.blocks.0.gamma_1"] == pytest.approx(0.5)
        assert ratios["layers.0.blocks.0.norm.weight"] == pytest.approx(1)
        assert ratios["patch_embed.proj.weight"] == pytest.approx(1)

    @pytest.mark.parametrize("name", ["mobileone_s1", "repvgg_a1"])
    def test_a_merged_network_computes_what_its_branches_did(self, name: str) -> None:
        spec = models.find_model(name)
        branches = models.create_model(name, form=models.Form.TRAINING)
        models.fill(branches, image_size=spec.image_size)
        merged, _ = models.create_filled(spec)
        x = images(spec, spec.image_size).double()
        with torch.inference_mode():
            expected, found = branches.eval().double()(x), merged.double()(x)
        # The branches are merged in float32.
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
        assert sum(p.numel() for p in merged.parameters()) < sum(p.numel() for p in branches.parameters())


def test_preprocessing_of_a_timm_network_is_that_of_timms_weights() -> None:
    from models.zoo import timm as timm_zoo

    rows = [spec for spec in ZOO if spec.factory.startswith("timm:")]
    assert len(rows) == 23
    for spec in rows:
        expected = timm_zoo.preprocessing_of(spec.factory.removeprefix("timm:"))
        assert spec.preprocessing == msgspec.convert(msgspec.to_builtins(expected), Preprocessing), spec.name
        assert spec.image_size == timm_zoo.image_size_of(spec.factory.removeprefix("timm:"))


def test_a_network_of_the_users_own_is_filled_for_its_size() -> None:
    spec = models.find_model("timm:deit_tiny_patch16_224", image_size=64)
    model, _ = models.create_filled(spec)
    assert model.get_parameter("pos_embed").shape == (1, 4 * 4 + 1, 192)
    assert_fit_for_comparisons(model, images(spec, 64))
