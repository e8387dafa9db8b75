from pathlib import Path

import pytest

from effmod_bench.errors import TargetError
from effmod_bench.suites.read import read_file
from effmod_bench.suites.suite import Measuring, Quick, View
from results import Device

GOOD = """title = "mine"
devices = ["cpu"]

[quick]
runs = 4

[[measure]]
networks = ["efficientmod_xxs"]

[[measure]]
networks = ["efficientmod_*", "x.onnx"]
image-size = "224:512:32"
runs = 500
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_a_suite_of_ones_own_is_read(file: Path) -> None:
    file.write_text(GOOD)
    suite = read_file(file)
    assert (suite.name, suite.title, suite.view) == (str(file), "mine", View.LATENCIES)
    assert (suite.devices, suite.quick) == ((Device.CPU,), Quick(runs=4))
    assert suite.measure == (
        Measuring(networks=("efficientmod_xxs",)),
        Measuring(networks=("efficientmod_*", "x.onnx"), image_size="224:512:32", runs=500),
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("devices", "device", "line 2: there is no key 'device'; did you mean 'devices'"),
        ("runs = 500", "run = 500", "line 13: there is no key 'run'; did you mean 'runs'"),
        ("runs = 4\n", "networks = 4\n", "line 5: there is no key 'networks'"),
        ("runs = 500", 'runs = "many"', "line 13: Expected `int`, got `str`"),
        ('"cpu"', '"cup"', "line 2: there is no device 'cup'; did you mean 'cpu'"),
        ('"efficientmod_*"', '"efficientmod_xss"', "line 11: no network 'efficientmod_xss'; did you mean"),
        ('title = "mine"', "", "it has no title"),
        ("[[measure]]", "[[mesure]]", "line 7: there is no key 'mesure'; did you mean 'measure'"),
        ("title =", "title", "is no TOML: .*line 1"),
        ('networks = ["efficientmod_xxs"]', "runs = 4", "names no networks"),
        ('["efficientmod_xxs"]', '["efficientmod_xxs"]\nruntime = "torch"', "line 9: there is no runtime 'torch'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_the_nearest_word(
    before: str, after: str, said: str, file: Path
) -> None:
    assert before in GOOD
    file.write_text(GOOD.replace(before, after))
    with pytest.raises(TargetError, match=said) as raised:
        read_file(file)
    assert str(raised.value).startswith(str(file))


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(TargetError, match=r"cannot read the suite .*mine\.toml: No such file"):
        read_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError, match="is not text in UTF-8"):
        read_file(file)
