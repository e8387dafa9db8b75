"""Names to networks: the zoo's rows, plug-ins' rows, and targets of the user's own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import timm
from torch import nn

import models
from models import ImageSizeError, ModelSpec, ModelTargetError, PluginError, UnknownModelError
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

    def test_a_network_is_not_built_for_a_size_that_it_cannot_take(self) -> None:
        with pytest.raises(ImageSizeError, match="efficientformerv2_s0 takes square images"):
            models.create_model("efficientformerv2_s0", image_size=240)


class TestTimmTargets:
    def test_any_network_of_timm_has_a_row_made_for_it(self) -> None:
        row = models.find_model("timm:resnet10t")
        params = sum(p.numel() for p in timm.create_model("resnet10t").parameters())
        assert (row.name, row.factory, row.params) == ("timm:resnet10t", "timm:resnet10t", params)
        assert row.image_size == 176  # timm's own for these weights
        assert row.macs == models.count(models.create_model("timm:resnet10t"), 176).macs
        assert models.family(row).licence == "Apache-2.0"

    def test_it_is_counted_at_the_size_asked_for(self) -> None:
        row = models.find_model("timm:resnet10t", image_size=352)
        assert row.image_size == 352
        assert row.macs / models.find_model("timm:resnet10t").macs == pytest.approx(4, rel=0.05)

    def test_an_unknown_network_of_timm_gets_the_three_nearest(self) -> None:
        with pytest.raises(UnknownModelError, match=r"timm .* has no network 'resnet10'; did you mean 'timm:") as error:
            models.create_model("timm:resnet10")
        assert str(error.value).count("'timm:") == 3


NETWORK = """
    from torch import nn

    def flat(image_size=16):
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * image_size**2, 2))

    def small(channels=8):
        return nn.Sequential(nn.Conv2d(3, channels, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def number():
        return 3

    def broken():
        raise RuntimeError("no luck")

    not_a_function = 1

    ready = nn.ReLU()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text("\n".join(line[4:] for line in NETWORK.splitlines()))
    return path


class TestFileTargets:
    def test_a_function_of_a_file_builds_a_network(self, file: Path) -> None:
        model = models.create_model(f"{file}:small", channels=6)
        assert isinstance(model, nn.Sequential)
        assert sum(p.numel() for p in model.parameters()) == 6 * 3 * 9 + 6

    def test_its_row_is_counted(self, file: Path) -> None:
        row = models.find_model(f"{file}:small", image_size=65)
        assert (row.name, row.image_size, row.params) == (f"{file}:small", 65, 224)
        assert row.macs == 32 * 32 * 8 * 27 + 32 * 32 * 8
        assert models.family(row).title == f"{file}:small"

    def test_a_function_with_an_image_size_is_given_it(self, file: Path) -> None:
        assert models.find_model(f"{file}:flat").params == 2 * 3 * 16**2 + 2
        assert models.find_model(f"{file}:flat", image_size=8).params == 2 * 3 * 8**2 + 2

    def test_a_changed_file_is_read_again(self, file: Path) -> None:
        assert models.find_model(f"{file}:flat", image_size=8).image_size == 8
        file.write_text("from torch import nn\n\ndef flat():\n    return nn.ReLU()\n")
        assert isinstance(models.create_model(f"{file}:flat"), nn.ReLU)

    def test_its_folder_does_not_come_onto_the_path(self, file: Path) -> None:
        models.create_model(f"{file}:small")
        assert str(file.parent) not in sys.path

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("net.py", r"net\.py: name the function of it that builds the network, as in .*net\.py:FUNCTION"),
            ("missing.py:net", r"there is no file .*missing\.py"),
            ("net.py:large", r"net\.py has no function 'large'; it has flat, small, number, broken"),
            ("net.py:not_a_function", r"net\.py has no function 'not_a_function'; it has flat"),
            ("net.py:ready", r"is a network, not a function .* 'def build\(\): return ready' .* name .*net\.py:build"),
            ("net.py:number", r"net\.py:number returned a int, not a torch\.nn\.Module"),
            ("net.py:broken", r"net\.py:broken failed at line 14: RuntimeError: no luck"),
        ],
    )
    def test_what_is_wrong_with_a_target_is_said(self, file: Path, target: str, message: str) -> None:
        with pytest.raises(ModelTargetError, match=message):
            models.find_model(str(file.parent / target))

    def test_a_network_that_fails_at_this_size_says_so(self, file: Path) -> None:
        file.write_text("from torch import nn\n\ndef net():\n    return nn.Linear(3, 2)\n")
        with pytest.raises(ModelTargetError, match=r"net\.py:net does not run on images of 224x224: RuntimeError"):
            models.find_model(f"{file}:net")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("import neighbour", "failed at line 1: ModuleNotFoundError: .*; install it, the file's own folder is not"),
            ("\ndef net(:\n", "cannot be imported, it failed: SyntaxError: "),
        ],
    )
    def test_a_file_that_cannot_be_imported_says_why(self, file: Path, content: str, message: str) -> None:
        (file.parent / "neighbour.py").touch()
        file.write_text(content)
        with pytest.raises(ModelTargetError, match=message):
            models.create_model(f"{file}:net")


Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a plug-in package, `house`, whose module has this content and offers `rows`."""

    def caches_clear() -> None:
        registry._rows.cache_clear()
        registry._by_name.cache_clear()

    def install(content: str) -> None:
        (tmp_path / "house_models.py").write_text(content)
        info = tmp_path / "house-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[effmod.models]\nhouse = house_models:rows\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "house_models", raising=False)
        caches_clear()

    yield install
    monkeypatch.undo()
    caches_clear()


ROW = (
    '{"name": "house_net", "family": "house", "factory": "house_models:net", "params": 30, "macs": 1, '
    '"source": {"title": "Our house", "licence": "MIT"}}'
)


class TestPlugins:
    def test_without_one_only_the_zoo_is_listed(self) -> None:
        assert len(models.list_models()) == len(registry.read_zoo().models)

    @pytest.mark.parametrize("rows", [f"rows = [{ROW}]", f"def rows(): return [{ROW}]"], ids=["list", "function"])
    def test_its_rows_stand_behind_the_zoos(self, install: Install, rows: str) -> None:
        install(f"from torch import nn\n{rows}\ndef net(): return nn.Conv2d(3, 3, 3, bias=False)\n")
        assert models.list_models()[-1].name == "house_net"
        assert models.family(models.find_model("house_net")).title == "Our house"
        assert isinstance(models.create_model("house_net"), nn.Conv2d)

    def test_a_name_of_the_zoo_cannot_be_taken(self, install: Install) -> None:
        install(f"rows = [{ROW}]".replace("house_net", "resnet18"))
        with pytest.raises(ValueError, match="two networks are registered as 'resnet18': timm:resnet18 and house_mod"):
            models.list_models()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("import nowhere", "plug-in 'house' of house cannot be read: ModuleNotFoundError: .* uninstall house"),
            ("rows = 3", "plug-in 'house' of house cannot be read: ValidationError: Expected `array`"),
            ("rows = [{'name': 'x'}]", "missing required field `family`"),
            (f"rows = [{ROW}]".replace("source", "sauce"), "'house_net' is of no family of the zoo"),
            (
                f"rows = [{ROW}]".replace('"params"', '"size_multiple": 0, "params"'),
                "size_multiple is at least 1, not 0",
            ),
            ("raise SystemExit(3)", "cannot be read: SystemExit: 3"),
        ],
    )
    def test_one_that_cannot_be_read_is_named_with_the_cause(
        self, install: Install, content: str, message: str
    ) -> None:
        install(content)
        with pytest.raises(PluginError, match=message):
            models.list_models()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (f"rows = [{ROW}]", "cannot be imported: module 'house_models' has no attribute 'net'"),
            (f"rows = [{ROW}]".replace("house_models:net", "a b"), "a b, which .* cannot be imported: invalid format"),
            (f"rows = [{ROW}]\nnet = 3", "is no function"),
            (f"rows = [{ROW}]\ndef net(): return 3", "returned a int, not a torch"),
            (f"rows = [{ROW}]\ndef net(): raise SystemExit(3)", "house_models:net, which .*: SystemExit: 3"),
        ],
    )
    def test_a_factory_that_makes_no_network_is_named(self, install: Install, content: str, said: str) -> None:
        install(content)
        with pytest.raises(PluginError, match=said):
            models.create_model("house_net")
