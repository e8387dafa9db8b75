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
        ("runs = 500", "runs = -1", "line 13: Expected `int` >= 1"),
        ("runs = 500", 'in-turn = true\nview = "x"', "line 14: there is no key 'view'"),
        ('"efficientmod_xxs"]', '"efficientmod_xxs"]\nin-turn = true', "alone is nothing to time in turn"),
        ('devices = ["cpu"]', 'view = "pairs"', 'line 7: view = "pairs" shows what is timed in turn'),
        ('devices = ["cpu"]', "devices = []", "line 2: it is for no device"),
        ('devices = ["cpu"]', 'published = "table1"', "line 2: 'published' goes with tables"),
        ('devices = ["cpu"]', 'tables = ["1"]\npublished = "none"', "line 3: nothing is published as 'none'"),
        (
            'devices = ["cpu"]',
            'tables = ["1"]\npublished = "table1"\ncolumns = ["yaer"]',
            "line 4: there is no column 'yaer'; did you mean 'year'",
        ),
        ('devices = ["cpu"]', 'tables = ["13"]', "line 2: the paper has no table '13' of networks"),
        ('devices = ["cpu"]', "beside = 3", "line 2: Expected `object`, got `int`"),
        (
            'devices = ["cpu"]',
            'tables = ["1"]\nbeside.cpu = { Xeon = "cpu_ms" }',
            "line 3: there is no published figure 'cpu_ms'",
        ),
        ('"efficientmod_xxs"', '"mask_rcnn:efficientmod_xl"', "line 8: .*efficientmod_s"),
        (GOOD, f"x = {'[' * 5000}", "is no TOML"),
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


def test_a_suite_may_name_detectors(file: Path) -> None:
    file.write_text(GOOD.replace('"efficientmod_xxs"', '"mask_rcnn:*", "semantic_fpn:pvt_tiny"'))
    assert read_file(file).measure[0].networks == ("mask_rcnn:*", "semantic_fpn:pvt_tiny")


def test_a_first_look_is_a_tenth_where_the_suite_says_nothing(file: Path) -> None:
    file.write_text(GOOD)
    suite = read_file(file)
    first, second = (suite.quick.of(each) for each in suite.measure)
    assert (first.runs, first.rounds, second.runs, second.rounds) == (4, 2, 4, 2)
    file.write_text(GOOD.replace("[quick]\nruns = 4\n", ""))
    assert [read_file(file).quick.of(each).runs for each in suite.measure] == [400, 50]


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(TargetError, match=r"cannot read the suite .*mine\.toml: No such file"):
        read_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError, match="is not text in UTF-8"):
        read_file(file)
