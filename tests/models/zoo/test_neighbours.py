"""What a network's file may import from its own folder."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import models
from models import ModelTargetError
from models.zoo.neighbours import Neighbours


@pytest.fixture(autouse=True)
def _nothing_stays_loaded() -> Iterator[None]:
    loaded = set(sys.modules)
    yield
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


def folder(path: Path, **modules: str) -> Path:
    """A folder of these modules; `a__b` is module `b` of package `a`, `net` the file of a network of one Linear."""
    for name, content in modules.items():
        file = path.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return path


def classes(file: Path) -> int:
    return len(models.create_model(f"{file}:net").get_parameter("bias"))


NET = "from torch import nn\ndef net():\n    return nn.Linear(2, {})\n"


def test_modules_and_packages_beside_it_are_found_also_when_its_function_runs(tmp_path: Path) -> None:
    net = "from torch import nn\nfrom parts.inner import WIDTH\ndef net():\n    import late\n"
    folder(
        tmp_path,
        net=f"{net}    return nn.Linear(2, WIDTH + late.MORE)\n",
        parts____init__="",
        parts__inner="from .deep import WIDTH",
        parts__deep="WIDTH = 4",
        late="MORE = 3",
    )
    assert classes(tmp_path / "net.py") == 7
    assert str(tmp_path) not in sys.path


def test_they_come_after_pythons_and_effmods_own(tmp_path: Path) -> None:
    wrong = dict.fromkeys(("json", "torch", "models__zoo", "exporters__config", "statistics"), "raise AssertionError")
    folder(tmp_path, net=f"import json, statistics, exporters.config, models.van\n{NET.format(3)}", **wrong)
    assert classes(tmp_path / "net.py") == 3
    assert json.loads("1") == 1


@pytest.mark.parametrize(
    ("line", "hidden", "said"),
    [
        (
            "from models.blocks import X",
            "models__blocks",
            "{0}/models is not found, since effmod's own has the same name",
        ),
        ("from json import WIDTH", "json", "{0}/json.py is not found, since /.*/json/__init__.py has the same name"),
        ("import json\njson.width()", "json", "has no attribute 'width'; {0}/json.py is not found, since"),
        ("from .blocks import X", "blocks", "import modules beside it by their names, without a dot"),
    ],
)
def test_one_that_is_hidden_by_another_is_named(line: str, hidden: str, said: str, tmp_path: Path) -> None:
    folder(tmp_path, net=line, **{hidden: ""})
    with pytest.raises(ModelTargetError, match=said.format(tmp_path)):
        models.create_model(f"{tmp_path}/net.py:net")


def test_two_folders_may_have_modules_of_one_name(tmp_path: Path) -> None:
    net = "from torch import nn\ndef net():\n    import blocks\n    return nn.Linear(2, blocks.WIDTH)\n"
    files = [
        folder(tmp_path / name, net=net, blocks=f"WIDTH = {width}") / "net.py" for name, width in (("a", 3), ("b", 4))
    ]
    assert [classes(file) for file in (*files, *files)] == [3, 4, 3, 4]


def test_a_folder_that_the_file_adds_to_the_path_is_searched_and_known(tmp_path: Path) -> None:
    folder(tmp_path / "lib", elsewhere="WIDTH = 5")
    neighbours = Neighbours(folder(tmp_path / "own"))
    with neighbours.searched():
        sys.path.insert(0, str(tmp_path / "lib"))
    with neighbours.searched():
        import elsewhere  # type: ignore[import-not-found]
    assert elsewhere.WIDTH == 5
    assert neighbours.files() == [tmp_path / "lib" / "elsewhere.py"]
    neighbours.forget()
    assert "elsewhere" not in sys.modules
