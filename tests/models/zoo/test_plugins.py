"""Networks that installed packages bring along."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import nn

import models
from models import PluginError
from models.zoo import registry

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
            ("raise SystemExit(3)", r"cannot be read: it ended the program, by sys\.exit\(3\)"),
            (
                f"import os\nos.chdir('/')\nrows = [{ROW}]",
                "plug-in 'house' of house changed the working folder from .* to /, .* it was put back",
            ),
        ],
    )
    def test_one_that_cannot_be_read_is_named_with_the_cause(
        self, install: Install, content: str, message: str
    ) -> None:
        install(content)
        with pytest.raises(PluginError, match=message):
            models.list_models()

    def test_what_it_prints_does_not_mix_with_what_is_listed(
        self, install: Install, capfd: pytest.CaptureFixture[str]
    ) -> None:
        install(f"print('hello')\nrows = [{ROW}]")
        assert models.list_models()[-1].name == "house_net"
        assert capfd.readouterr() == ("", "hello\n")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (f"rows = [{ROW}]", "cannot be imported: AttributeError: module 'house_models' has no attribute 'net'"),
            (
                f"rows = [{ROW}]".replace("house_models:net", "a b"),
                "a b, which .* cannot be imported: ValueError: invalid format",
            ),
            (f"rows = [{ROW}]\nnet = 3", "is no function"),
            (f"rows = [{ROW}]\ndef net(): return 3", "returned a int, not a torch"),
            (f"rows = [{ROW}]\ndef net(): raise SystemExit(3)", "house_models:net, which .*: it ended the program"),
            (
                f"rows = [{ROW}]\nimport torch\ndef net():\n    torch.nn.Linear.forward = None",
                r"house_models:net replaced torch\.nn\.modules\.linear\.Linear\.forward, which",
            ),
        ],
    )
    def test_a_factory_that_makes_no_network_is_named(self, install: Install, content: str, said: str) -> None:
        install(content)
        with pytest.raises(PluginError, match=said):
            models.create_model("house_net")
