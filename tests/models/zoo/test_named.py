"""Networks' names with arguments: one spelling, and what is no such name."""

from pathlib import Path

import pytest
import torch
from torch import nn

import models
from models import ModelTargetError, UnknownModelError
from models.zoo import named

NETWORK = """
from torch import nn

def net(width=8, kind="plain"):
    return nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def needs(width, depth=1):
    return net(width)

def hands_on(**arguments):
    return net(**arguments)

def broken(width=1):
    raise RuntimeError(f"no luck with {width}")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine (1).py"
    path.write_text(NETWORK)
    return path


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("net", "net"),
        ("net()", "net"),
        ("net( b = 2,a=-0.50 , )", "net(a=-0.5, b=2)"),
        ("net(c=[(3,), None, True])", "net(c=[(3,), None, True])"),
        ('net(kind="a(b)", of={"x": 1e-3})', "net(kind='a(b)', of={'x': 0.001})"),
        ("a (1)/my.py:net(b=1, a=0x10)", "a (1)/my.py:net(a=16, b=1)"),
        ("a (1)/my.py:net", "a (1)/my.py:net"),
        ("timm:resnet18", "timm:resnet18"),
    ],
)
def test_a_name_has_one_spelling(written: str, name: str) -> None:
    read = named.read(written)
    assert str(read) == name
    assert named.read(name) == read


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net(48)", r"48 stands without its argument's name; .* 'net\(NAME=VALUE\)'"),
        ("net(a=1", r"cannot be read: '\(' was never closed; write arguments as Python does, with the whole in quotes"),
        ("net(a=1)(b=2)", "is not one call"),
        ("net(a=1).b", "is not one call"),
        ("net(a=1, a=2)", "gives a twice"),
        ("net(**{'a': 1})", "names no arguments"),
        ("net(a=wide)", r"a=wide is no plain value: .*; text stands in quotes: a='wide'"),
        ("net(a=open('x'))", r"a=open\('x'\) is no plain value: a number, text, True, False, None, or a tuple, list"),
        ("net(a={1, 2})", "is no plain value"),
        ("net(a=b'x')", "is no plain value"),
        ("net(a=1e999)", "is no plain value"),
        ("net(a={1: 2})", "is no plain value"),
        (f"net(a=0x{'f' * 99})", "is no plain value"),
        (f"net(a={'(' * 500})", "cannot be read"),
        ("net(a='\udcff')", "cannot be read"),
        ("net(image_size=64)", "the size of images is no part of a name; give --image-size 64"),
        (
            "timm:resnet18(a=1)",
            r"timm builds timm:resnet18, and takes no arguments by name but num_classes; write a file net\.py",
        ),
    ],
)
def test_what_is_no_call_with_plain_values_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelTargetError, match=message):
        named.read(name)


class TestFunctions:
    def test_a_function_is_called_with_them_and_its_row_is_counted(self, file: Path) -> None:
        row = models.find_model(f"{file}:net( width =6)", image_size=65)
        assert row.name == f"{file}:net(width=6)"
        assert (row.params, row.macs) == (6 * 28, 32 * 32 * 6 * 28)
        model = models.create_model(f"{file}:net(width=6)", kind="other")
        assert isinstance(model, nn.Sequential)
        assert model[0].out_channels == 6

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ("net(widht=6)", r":net\(widht=6\) has no argument 'widht'; did you mean 'width'\?"),
            ("net(zzz=6)", "has no argument 'zzz'; it has width, kind"),
            ("needs", r":needs needs width; give a value, as in '.*:needs\(width=\.\.\.\)'"),
            ("needs(depth=2)", r"needs width; give a value, as in '.*:needs\(depth=2, width=\.\.\.\)'"),
            ("hands_on(widht=6)", r":hands_on\(widht=6\) failed at line 11: TypeError: .* unexpected .* 'widht'"),
            ("broken(width=2)", r":broken\(width=2\) failed at line 14: RuntimeError: no luck with 2"),
        ],
    )
    def test_what_it_cannot_be_called_with_is_said(self, file: Path, call: str, message: str) -> None:
        with pytest.raises(ModelTargetError, match=message):
            models.find_model(f"{file}:{call}")


class TestTheZoo:
    NAME = "efficientmod_iso_256(depths=(1,), dims=(32,), kernel_sizes=(3,))"

    def test_a_network_is_built_otherwise_and_is_in_no_table(self) -> None:
        row = models.find_model("efficientmod_iso_256(kernel_sizes=(3,), dims=(32,), depths=(1,))")
        own = models.find_model("efficientmod_iso_256")
        assert (row.name, row.tables, row.family) == (self.NAME, (), own.family)
        assert (row.image_size, row.size_multiple) == (own.image_size, own.size_multiple)
        counted = models.count(models.create_model(self.NAME), 224)
        assert (row.params, row.macs) == (counted.params, counted.macs)
        assert models.classes_of(row) is None
        filled, _ = models.create_filled(row, image_size=42)
        assert filled(torch.zeros(1, 3, 42, 42)).shape == (1, 1000)

    def test_an_alias_is_the_same_network(self) -> None:
        assert models.find_model("efficientMod_xxs(num_classes=3)").name == "efficientmod_xxs(num_classes=3)"
        assert models.find_model("efficientmod_xxs()") == models.find_model("efficientmod_xxs")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("efficientmod_xxs(dimms=(8,))", r"has no argument 'dimms'; did you mean 'dims'"),
            ("efficientmod_xxs(kernel_size=(3,))", r"has no argument 'kernel_size'; did you mean 'kernel_sizes'\?"),
            ("efficientmod_xxs(depths=3)", r"^efficientmod_xxs\(depths=3\) cannot be built: TypeError: "),
            ("efficientmod_xxs(in_chans=1)", r"\(in_chans=1\) does not run on images of 224x224: RuntimeError: "),
            (
                "mobilenetv2_100(drop_rate=0.3)",
                "timm builds mobilenetv2_100, and takes no arguments by name but num_classes",
            ),
        ],
    )
    def test_what_it_cannot_be_built_with_is_said(self, name: str, message: str) -> None:
        with pytest.raises(ModelTargetError, match=message):
            models.find_model(name)

    def test_an_unknown_network_is_said_before_its_arguments(self) -> None:
        with pytest.raises(UnknownModelError, match="no network 'efficientmod_xx'; did you mean 'efficientmod_xxs'"):
            models.find_model("efficientmod_xx(dims=3)")

    def test_nothing_is_published_of_it(self) -> None:
        row = models.find_model(self.NAME)
        with pytest.raises(models.CheckpointError, match=r"publishes no weights for efficientmod_iso_256\(.*\)$"):
            models.create_pretrained(row)
