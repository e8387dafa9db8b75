"""Names to rows of the zoo, and the sizes of images that these take."""

import subprocess
import sys

import pytest

import models
from models import ImageSizeError, ModelSpec, UnknownModelError
from models.zoo import registry


def spec(name: str = "net", **kwargs: object) -> ModelSpec:
    fields = {"name": name, "family": "resnet", "factory": "timm:resnet18", "params": 1, "macs": 1}
    return ModelSpec(**(fields | kwargs))  # type: ignore[arg-type]


class TestNames:
    def test_an_unknown_name_gets_the_three_nearest(self) -> None:
        with pytest.raises(UnknownModelError, match="no network 'efficientmod_xx'; did you mean") as error:
            models.find_model("efficientmod_xx")
        assert str(error.value).count("'efficientmod_") == 4  # the name itself and three others
        assert "'efficientmod_xxs'" in str(error.value)

    def test_a_name_like_no_other_gets_the_way_to_the_list(self) -> None:
        with pytest.raises(UnknownModelError, match="'effmod list' shows the zoo"):
            models.create_model("qqqq")

    def test_the_authors_spelling_finds_the_same_row(self) -> None:
        assert models.find_model("efficientMod_s_Conv") is models.find_model("efficientmod_s_conv")

    def test_two_registrations_of_one_name_raise(self) -> None:
        with pytest.raises(ValueError, match="two networks are registered as 'a'"):
            registry.index([spec("a"), spec("b", aliases=("a",))])

    def test_patterns_families_and_tables_select_rows(self) -> None:
        names = [row.name for row in models.list_models("efficientmod_*", table="10")]
        assert names == ["efficientmod_xxs", "efficientmod_xs", "efficientmod_s"]
        assert [row.name for row in models.list_models(family="repvgg")] == ["repvgg_a1"]
        assert models.list_models("efficientmod_xxs", family="repvgg") == []

    def test_the_papers_tables_stand_in_a_sentence(self) -> None:
        assert models.tables_in_words() == "1 to 7, 9 to 12, or L"

    def test_a_row_with_an_alias_is_listed_once(self) -> None:
        names = [row.name for row in models.list_models()]
        assert len(names) == len(set(names))

    def test_listing_imports_nothing_heavy(self) -> None:
        code = (
            "import sys, models; models.list_models(); models.find_model('resnet18'); "
            "print([m for m in ('torch', 'timm', 'numpy', 'onnx', 'importlib.metadata') if m in sys.modules])"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "[]"


class TestImageSize:
    @pytest.mark.parametrize("size", [32, 224, 288, 512])
    def test_sizes_that_fit_pass(self, size: int) -> None:
        models.check_image_size(spec(), size)

    @pytest.mark.parametrize(
        ("row", "size", "message"),
        [
            (
                spec(),
                225,
                "net takes square images of 32 or more pixels a side, a multiple of 32, not 225; try 224 or 256",
            ),
            (spec(), 0, "net takes square images of 32 or more pixels a side, a multiple of 32, not 0; try 32"),
            (
                spec(min_size=33),
                32,
                "net takes square images of 64 or more pixels a side, a multiple of 32, not 32; try 64",
            ),
            (
                spec(size_multiple=14),
                28,
                "net takes square images of 42 or more pixels a side, a multiple of 14, not 28; try 42",
            ),
            (spec(size_multiple=1), 31, "net takes square images of 32 or more pixels a side, not 31; try 32"),
            (spec(size_multiple=1), -5, "net takes square images of 32 or more pixels a side, not -5; try 32"),
        ],
    )
    def test_others_are_refused_with_the_sizes_that_fit(self, row: ModelSpec, size: int, message: str) -> None:
        with pytest.raises(ImageSizeError) as error:
            models.check_image_size(row, size)
        assert str(error.value) == message
